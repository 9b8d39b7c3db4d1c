//! apt's own metadata, read without apt: which sources a root has, which lists it fetched, and
//! which versions they offer.
//!
//! | module | holds |
//! |---|---|
//! | [`sources_list`] | `sources.list(5)`, in both of its formats |
//! | [`release`] | `InRelease` and `Release` |
//! | [`packages`] | `Packages`, streaming |
//! | [`lists`] | the folder of fetched lists, and everything in it |
//! | [`index`] | names and versions of all of it in a few megabytes |
//!
//! Signatures are not checked here: apt checked them when it fetched the lists, and the folder
//! belongs to root. What a list says informs; it never authorises.

pub mod index;
pub mod lists;
pub mod packages;
pub mod release;
pub mod sources_list;

pub use index::{IndexError, IndexKey, IndexReader, encode};
pub use lists::{AptLists, ListFile, Suite, list_name, read_lists};
pub use packages::{PackageRow, VersionRow};
pub use release::Release;
pub use sources_list::{SourceEntry, SourcesList};
