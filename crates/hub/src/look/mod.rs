//! How pages look: the frame around them, the parts they are made of, the words they use, and the
//! one way in which text from outside comes onto a page.

pub mod assets;
pub mod chart;
pub mod foreign;
pub mod joined;
pub mod layout;
pub mod parts;
pub mod plan;
pub mod words;
