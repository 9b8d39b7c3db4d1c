//! Small charts, drawn here as SVG: no script, no styles inline, and each with its numbers in
//! words, so that nobody needs to see it.

use maud::{Markup, html};

/// Bars of equal width, one a value.
pub fn bars(title: &str, values: &[(String, u64)]) -> Markup {
    let highest = values.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
    let width = 10;
    let total = values.len() * width;
    let height = |value: u64| if value == 0 { 1 } else { (value * 56 / highest).max(3) };
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (total) " 60" } preserveAspectRatio="none" role="img"
                aria-label=(title) {
                @for (index, (label, value)) in values.iter().enumerate() {
                    rect class=(if *value == 0 { "bar none" } else { "bar" })
                        x=(index * width + 1) y=(60 - height(*value)) width=(width - 2)
                        height=(height(*value)) { title { (label) ": " (value) } }
                }
            }
            figcaption { (title) }
        }
    }
}

/// One bar made of parts, with its legend.
pub fn parts(title: &str, values: &[(&str, &str, u64)]) -> Markup {
    let total: u64 = values.iter().map(|(_, _, value)| *value).sum();
    let mut x = 0;
    let mut placed = Vec::new();
    for (class, _, value) in values {
        let width = (value * 1_000).checked_div(total).unwrap_or(0);
        placed.push((*class, x, width));
        x += width;
    }
    html! {
        figure.chart {
            svg.parts viewBox="0 0 1000 24" preserveAspectRatio="none" role="img"
                aria-label=(title) {
                rect.bar.none x="0" y="0" width="1000" height="24" {}
                @for (class, x, width) in placed {
                    rect class={ "part " (class) } x=(x) y="0" width=(width) height="24" {}
                }
            }
            figcaption {
                ul.legend {
                    @for (class, label, value) in values {
                        li { span class={ "dot " (class) } {} (value) " " (label) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_says_its_numbers_and_holds_no_style() {
        let chart = bars("Cases by day", &[("Monday".into(), 0), ("Tuesday".into(), 4)]);
        let chart = chart.into_string();
        assert!(chart.contains("Tuesday: 4") && chart.contains("Cases by day"));
        assert!(!chart.contains("style="));
        let parts = parts("Machines", &[("ok", "report", 3), ("unknown", "silent", 1)]);
        assert!(parts.into_string().contains("x=\"750\""));
    }
}
