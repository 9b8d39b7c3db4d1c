-- How many minutes people spent on this page, by day (days since 1970). Whose they were is not kept:
-- what a month of ringfort costs people is counted, and nobody is watched (red line RL17).
CREATE TABLE minutes (
    day INTEGER PRIMARY KEY,
    minutes INTEGER NOT NULL
) STRICT;
