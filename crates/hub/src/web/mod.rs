//! The pages, one file each; `build.rs` lists the folder.
//!
//! A page is a descriptor, a function that shows it, and the functions of what can be done on it.
//! They are plain functions over [`Ask`]: who asks, for what, when. Everything that guards a page
//! (sessions, roles, tokens of forms, rate limits, headers) is in `crate::gate`, once, so that no
//! page can forget it.

use std::collections::BTreeMap;

use maud::Markup;
use store::StateError;

use crate::db::DbError;
use crate::executor::Away;
use crate::hub::Hub;
use crate::role::Role;

/// The pages, as `build.rs` lists them.
pub mod registry {
    use super::{Act, Ask, File, Next, Oops, Page, View};
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}

/// One page.
pub struct Page {
    /// Its path, in the form of axum's router.
    pub path: &'static str,
    /// Its name in the menu.
    pub title: &'static str,
    /// Its place in the menu, if it is there.
    pub nav: Option<u8>,
    /// Who may see it; `None`: whoever comes.
    pub sees: Option<Role>,
    /// Shows it.
    pub view: fn(&Ask<'_>) -> Result<View, Oops>,
    /// What can be done on it.
    pub acts: &'static [Act],
}

/// One thing that can be done.
pub struct Act {
    /// The path that its form is sent to.
    pub path: &'static str,
    /// Who may do it; `None`: whoever comes.
    pub needs: Option<Role>,
    /// Does it.
    pub run: fn(&Ask<'_>) -> Result<Next, Oops>,
}

/// What a page shows.
pub struct View {
    /// Its title.
    pub title: String,
    /// Its content.
    pub body: Markup,
    /// Seconds after which a browser without scripts should ask again.
    pub again_s: Option<u32>,
}

impl View {
    /// A page that stays as it is.
    pub fn new(title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), body, again_s: None }
    }
}

/// What comes after something was done.
pub enum Next {
    /// Another page.
    See(String),
    /// A page that is shown once.
    Show(View),
    /// A file to keep.
    Send(File),
    /// Somebody is signed in (the cookie's secret), then another page.
    SignIn(String, String),
    /// Nobody is signed in any more.
    SignOut,
}

/// A file that a browser keeps and does not show.
pub struct File {
    /// Its name; letters, digits, `-` and `.` only.
    pub name: String,
    /// Its media type.
    pub kind: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The person's id.
    pub user: String,
    /// The person's name.
    pub name: String,
    /// What the person may do on the page.
    pub role: Role,
    /// How the person signed in.
    pub method: String,
    /// The hash of the session; empty for a token of the API.
    pub session: String,
    /// The token that forms carry.
    pub csrf: String,
}

/// Who asks, for what, when.
pub struct Ask<'a> {
    /// The page.
    pub hub: &'a std::sync::Arc<Hub>,
    /// Who asks.
    pub viewer: Option<Viewer>,
    /// The pattern of the path, such as `/cases/{id}`.
    pub here: &'static str,
    /// The parts of the path.
    pub path: BTreeMap<String, String>,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The fields of the form that was sent.
    pub form: BTreeMap<String, String>,
    /// Where the request came from.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Ask<'_> {
    /// A part of the path.
    pub fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A part of the path that reads as an id.
    pub fn id<T: std::str::FromStr>(&self, name: &str, what: &'static str) -> Result<T, Oops> {
        self.part(name).parse().map_err(|_| Oops::NotFound(what))
    }

    /// A field of the form, without white space around it.
    pub fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", |text| text.trim())
    }

    /// A field that must be there and be short enough.
    pub fn text(&self, name: &str, label: &str, chars_max: usize) -> Result<String, Oops> {
        let text = self.field(name);
        let unseen = |c: char| crate::look::foreign::is_unseen(c) && c != '\n' && c != '\r';
        if text.is_empty() {
            return Err(Oops::Bad(format!("{label} is empty.")));
        }
        if text.chars().count() > chars_max {
            return Err(Oops::Bad(format!("{label} is longer than {chars_max} characters.")));
        }
        if text.chars().any(unseen) {
            return Err(Oops::Bad(format!("{label} has characters that cannot be seen.")));
        }
        Ok(text.to_owned())
    }

    /// Where a list begins.
    pub fn from(&self) -> u32 {
        self.query.get("from").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The token that forms carry.
    pub fn csrf(&self) -> &str {
        self.viewer.as_ref().map_or("", |viewer| viewer.csrf.as_str())
    }

    /// Whether the person may do what this role may.
    pub fn may(&self, role: Role) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.role >= role)
    }

    /// Who is signed in; a page that anybody may see has nobody.
    pub fn viewer(&self) -> Result<&Viewer, Oops> {
        self.viewer.as_ref().ok_or(Oops::SignIn)
    }

    /// Notes what the person did.
    pub fn note(&self, what: &str) -> Result<(), Oops> {
        let name = self.viewer.as_ref().map_or("nobody", |viewer| viewer.name.as_str());
        Ok(self.hub.db.note(self.now_ms, name, what)?)
    }
}

/// Why a page is not shown, or something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Oops {
    /// Nobody is signed in.
    #[error("Please sign in.")]
    SignIn,
    /// There is no such thing.
    #[error("There is no such {0} here.")]
    NotFound(&'static str),
    /// This person may not.
    #[error("{0}")]
    Forbidden(String),
    /// What was sent makes no sense.
    #[error("{0}")]
    Bad(String),
    /// It cannot be done now because of how things stand.
    #[error("{0}")]
    Conflict(String),
    /// Too much, too fast.
    #[error("Too many tries. Wait some minutes and try again.")]
    TooMany,
    /// The executor is away or says no.
    #[error("{0}")]
    Away(#[from] Away),
    /// The page's own database failed.
    #[error("the page's database: {0}")]
    Db(#[from] DbError),
    /// The state failed.
    #[error("the state: {0}")]
    State(StateError),
    /// Anything else that is our fault.
    #[error("{0}")]
    Internal(String),
}

impl From<StateError> for Oops {
    fn from(error: StateError) -> Self {
        match error {
            StateError::NotFound { what, .. } => Self::NotFound(what),
            other => Self::State(other),
        }
    }
}

impl Oops {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::SignIn => 401,
            Self::NotFound(_) => 404,
            Self::Forbidden(_) => 403,
            Self::Bad(_) => 400,
            Self::Conflict(_) => 409,
            Self::TooMany => 429,
            Self::Away(_) => 503,
            Self::Db(_) | Self::State(_) | Self::Internal(_) => 500,
        }
    }

    /// What may be shown of it: nothing of how we work inside.
    pub fn shown(&self) -> String {
        match self {
            Self::Db(_) | Self::State(_) | Self::Internal(_) => {
                "Something went wrong here. The log of the hub says what.".into()
            }
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn every_path_is_there_once_and_every_act_is_guarded_like_its_page_or_better() {
        let mut seen = std::collections::BTreeSet::new();
        for page in registry::ALL {
            assert!(seen.insert(("GET", page.path)), "{}", page.path);
            assert!(!page.title.is_empty());
            for act in page.acts {
                assert!(seen.insert(("POST", act.path)), "{}", act.path);
                if page.sees.is_some() {
                    assert!(act.needs >= page.sees, "{}", act.path);
                }
            }
        }
        assert!(seen.len() > 12);
    }

    #[test]
    fn only_ways_to_sign_in_are_open_to_whoever_comes() {
        let open: Vec<_> =
            registry::ALL.iter().filter(|page| page.sees.is_none()).map(|page| page.path).collect();
        assert_eq!(open, ["/link/{secret}", "/sign-in"]);
    }
}
