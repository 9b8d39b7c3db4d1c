//! Signing in: links, passwords, sessions.

use std::sync::atomic::Ordering;

use hub::role::Role;

use super::support::{Browser, NOW_MS, ORIGIN, Page};

fn path_of(link: &str) -> String {
    link.strip_prefix(ORIGIN).unwrap().to_owned()
}

fn cookie_of(set: &str) -> String {
    assert!(set.starts_with("__Host-ringfort="), "{set}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    set["__Host-ringfort=".len()..].split(';').next().unwrap().to_owned()
}

#[test]
fn the_first_link_makes_the_owner_once() {
    let page = Page::new();
    let path = path_of(&page.hub.sign_in_link().unwrap());
    let mut browser = page.stranger();
    assert_eq!(browser.get(&path).status, 200);
    assert_eq!(browser.get(&path).status, 200, "looking uses nothing up");
    assert_eq!(browser.post(&path, &[("name", "")]).status, 400);
    let answer = browser.post(&path, &[("name", "Ann")]);
    assert_eq!((answer.status, answer.header("location")), (303, "/welcome"));
    browser.cookie = Some(cookie_of(answer.header("set-cookie")));
    assert_eq!(browser.get("/").status, 200);
    assert_eq!(page.hub.db.user_named("Ann").unwrap().unwrap().role, Role::Admin);
    let again = page.stranger().post(&path, &[("name", "Eve")]);
    assert_eq!((again.status, again.header("set-cookie")), (403, ""));
    let second = path_of(&page.hub.sign_in_link().unwrap());
    let answer = page.stranger().post(&second, &[]);
    assert_eq!((answer.status, answer.header("location")), (303, "/"), "the owner, again");
}

#[test]
fn a_link_gets_old_and_guessing_is_slow() {
    let page = Page::new();
    let path = path_of(&page.hub.sign_in_link().unwrap());
    page.time.0.fetch_add(31 * 60_000, Ordering::SeqCst);
    assert_eq!(page.stranger().post(&path, &[("name", "Ann")]).status, 403);
    let statuses: Vec<u16> =
        (0..20).map(|n| page.stranger().get(&format!("/link/{n:064x}")).status).collect();
    assert_eq!((statuses[0], statuses[19]), (403, 429));
}

fn with_password(page: &Page) -> Browser<'_> {
    let browser = page.browser(Role::Approver);
    let answer = browser.post("/settings/password", &[("new", "correct horse battery")]);
    assert_eq!(answer.status, 303);
    browser
}

#[test]
fn a_password_signs_in_and_wrong_ones_are_counted() {
    let page = Page::new();
    let browser = with_password(&page);
    let name = page.hub.db.user(&browser.user).unwrap().unwrap().name;
    let try_it = |name: &str, password: &str| {
        page.stranger().post("/sign-in", &[("name", name), ("password", password)])
    };
    let answer = try_it(&name, "correct horse battery");
    assert_eq!(answer.status, 303);
    let cookie = cookie_of(answer.header("set-cookie"));
    assert_ne!(Some(&cookie), browser.cookie.as_ref(), "a new session each time");
    let wrong = try_it(&name, "correct horse batterx");
    let nobody = try_it("nobody", "correct horse battery");
    assert_eq!((wrong.status, nobody.status), (403, 403));
    let told = |text: &str| text.contains("The name or the password is wrong.");
    assert!(told(&wrong.text) && told(&nobody.text), "the same for both");
    for _ in 0..10 {
        try_it(&name, "wrong wrong wrong");
    }
    assert_eq!(try_it(&name, "correct horse battery").status, 429);
    page.time.0.fetch_add(16 * 60_000, Ordering::SeqCst);
    assert_eq!(try_it(&name, "correct horse battery").status, 303);
}

#[test]
fn a_session_ends_when_it_is_idle_over_or_ended() {
    let page = Page::new();
    let browser = page.browser(Role::Viewer);
    assert_eq!(browser.get("/").status, 200);
    page.time.0.store(NOW_MS + 2 * 3_600_000, Ordering::SeqCst);
    assert_eq!(browser.get("/").header("location"), "/sign-in", "idle");
    let browser = page.browser(Role::Viewer);
    page.time.0.store(NOW_MS, Ordering::SeqCst);
    assert_eq!(browser.get("/").status, 200);
    let answer = browser.post("/sign-out", &[]);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.get("/").header("location"), "/sign-in");
    let (admin, other) = (page.browser(Role::Admin), page.browser(Role::Viewer));
    let hash = hub::db::hash_of(other.cookie.as_ref().unwrap());
    assert_eq!(admin.post("/settings/session/end", &[("session", &hash[..24])]).status, 303);
    assert_eq!(other.get("/").header("location"), "/sign-in");
    let viewer = page.browser(Role::Viewer);
    let hash = hub::db::hash_of(admin.cookie.as_ref().unwrap());
    viewer.post("/settings/session/end", &[("session", &hash[..24])]);
    assert_eq!(admin.get("/").status, 200, "a viewer ends only their own");
}

#[test]
fn an_invitation_gives_the_role_that_it_says() {
    let page = Page::new();
    let admin = page.browser(Role::Admin);
    let answer = admin.post("/people/invite", &[("name", "Ben"), ("role", "approver")]);
    let at = answer.text.find("/link/").unwrap();
    let path = answer.text[at..at + 6 + 64].to_owned();
    let answer = page.stranger().post(&path, &[("name", "Ben"), ("role", "admin")]);
    assert_eq!(answer.status, 303);
    assert_eq!(page.hub.db.user_named("Ben").unwrap().unwrap().role, Role::Approver);
}
