//! The modifiers behind a field's name: where a text stands, how numbers compare, how it is
//! encoded.

use rsigma_parser::{Modifier, SigmaString};

use super::super::atom::{Order, Place, TimePart};
use super::super::encode::{Layout, base64, base64_at_offsets, windash};

/// The modifiers of one item.
#[derive(Clone, Copy)]
pub(super) struct Mods<'a>(pub &'a [Modifier]);

impl Mods<'_> {
    pub(super) fn has(self, modifier: Modifier) -> bool {
        self.0.contains(&modifier)
    }

    pub(super) fn place(self, otherwise: Place) -> Place {
        if self.has(Modifier::Contains) {
            Place::Anywhere
        } else if self.has(Modifier::StartsWith) {
            Place::Start
        } else if self.has(Modifier::EndsWith) {
            Place::End
        } else {
            otherwise
        }
    }

    pub(super) fn order(self) -> Option<Order> {
        [
            (Modifier::Gt, Order::Greater),
            (Modifier::Gte, Order::GreaterOrEqual),
            (Modifier::Lt, Order::Less),
            (Modifier::Lte, Order::LessOrEqual),
        ]
        .into_iter()
        .find_map(|(modifier, order)| self.has(modifier).then_some(order))
    }

    pub(super) fn time(self) -> Option<TimePart> {
        [
            (Modifier::Minute, TimePart::Minute),
            (Modifier::Hour, TimePart::Hour),
            (Modifier::Day, TimePart::Day),
            (Modifier::Week, TimePart::Week),
            (Modifier::Month, TimePart::Month),
            (Modifier::Year, TimePart::Year),
        ]
        .into_iter()
        .find_map(|(modifier, part)| self.has(modifier).then_some(part))
    }
}

/// The texts that modifiers of encoding make; `None` without such a modifier.
pub(super) fn encodings(string: &SigmaString, mods: Mods<'_>) -> Option<Vec<String>> {
    let layout = if mods.has(Modifier::Wide) {
        Layout::Utf16Le
    } else if mods.has(Modifier::Utf16be) {
        Layout::Utf16Be
    } else if mods.has(Modifier::Utf16) {
        Layout::Utf16
    } else {
        Layout::Utf8
    };
    let (base, offset) = (mods.has(Modifier::Base64), mods.has(Modifier::Base64Offset));
    let dash = mods.has(Modifier::WindAsh);
    if layout == Layout::Utf8 && !base && !offset && !dash {
        return None;
    }
    let plain = string.as_plain().unwrap_or_else(|| string.original.clone());
    let texts = if dash { windash(&plain) } else { vec![plain] };
    Some(
        texts
            .iter()
            .flat_map(|text| {
                let bytes = layout.bytes(text);
                if offset {
                    base64_at_offsets(&bytes)
                } else if base {
                    vec![base64(&bytes)]
                } else {
                    vec![String::from_utf8_lossy(&bytes).into_owned()]
                }
            })
            .collect(),
    )
}
