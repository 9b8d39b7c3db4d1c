//! What files of pandas use.

use super::Library;

/// pandas.
pub(super) const PANDAS: Library = Library {
    roots: &["pandas"],
    calls: &[
        "pandas._libs.internals._unpickle_block",
        "pandas._libs.*__pyx_unpickle_*",
        "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
        "pandas.core.*._unpickle*",
        "pandas.core.indexes.base._new_Index",
        "pandas.core.indexes.*._new_*Index",
        "pandas.indexes.base._new_Index",
        "pandas.core.frame.DataFrame",
        "pandas.core.series.Series",
        "pandas.core.internals.*.*",
        "pandas.core.arrays.*.*",
        "pandas._libs.tslibs.*._unpickle*",
        "pandas._libs.tslibs.*.*_unpickle",
        "pandas._libs.tslibs.*.Timestamp",
        "pandas._libs.tslibs.offsets.*",
        "pandas._libs.tslibs.nattype.*",
        "pandas._libs.missing.*",
        "pandas.Timestamp",
        "pandas._libs.interval.*",
        "pandas.core.dtypes.dtypes.*",
        "pandas.core.indexes.*.*",
        "pandas.core.indexes.frozen.FrozenList",
        "pandas.Index*",
        "pandas.*Index",
    ],
    never: &[
        "pandas.io.*",
        "pandas.read_*",
        "pandas.eval",
        "pandas.core.computation.*",
        "pandas.util.*",
        "pandas.compat.*",
        "pandas.plotting.*",
    ],
};
