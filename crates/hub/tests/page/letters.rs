//! Messages against real servers on this machine: they arrive once, also after the server was down
//! for an hour, and say nothing that they should not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hub::messages::settings::{NAME, Secret, Settings};
use hub::messages::{deliver, round};
use hub::role::Role;
use spine::Priority;

use super::support::{NOW_MS, Page, case};

/// What a server received, and whether it answers.
#[derive(Clone, Default)]
struct Inbox {
    received: Arc<Mutex<Vec<String>>>,
    down: Arc<AtomicBool>,
}

impl Inbox {
    fn all(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    fn serve(&self, speak: fn(TcpStream, &Inbox)) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inbox = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if !inbox.down.load(Ordering::SeqCst) {
                    speak(stream, &inbox);
                }
            }
        });
        port
    }
}

/// As much of SMTP (RFC 5321) as a client needs to hand over a message.
fn smtp(stream: TcpStream, inbox: &Inbox) {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut say = |text: &str| out.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    say("220 test");
    while let Some(line) = lines.next() {
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "DATA" => {
                say("354 go on");
                let text: Vec<String> = lines.by_ref().take_while(|line| line != ".").collect();
                inbox.received.lock().unwrap().push(text.join("\n"));
                say("250 taken");
            }
            "QUIT" => {
                say("221 bye");
                return;
            }
            _ => {
                say("250 fine");
            }
        }
    }
}

/// As much of HTTP as a client needs to hand over a body.
fn http(mut stream: TcpStream, inbox: &Inbox) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    inbox.received.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

struct Post {
    mail: Inbox,
    hook: Inbox,
    topic: Inbox,
    life: Inbox,
    settings: Settings,
}

fn post() -> Post {
    let [mail, hook, topic, life] = [(); 4].map(|()| Inbox::default());
    let settings = Settings {
        mail_server: "127.0.0.1".into(),
        mail_port: mail.serve(smtp),
        mail_security: "none".into(),
        mail_from: "ringfort@clinic.example".into(),
        mail_to: "it@clinic.example, owner@clinic.example".into(),
        webhook_url: format!("http://127.0.0.1:{}/hook", hook.serve(http)),
        webhook_key: Secret("a key of sixteen and more".into()),
        ntfy_url: format!("http://127.0.0.1:{}/topic", topic.serve(http)),
        ntfy_token: Secret("tk_secret".into()),
        digest_hour: None,
        dead_man_url: format!("http://127.0.0.1:{}/alive", life.serve(http)),
        ..Settings::default()
    };
    settings.check().unwrap();
    Post { mail, hook, topic, life, settings }
}

fn later(page: &Page, minutes: i64) {
    page.time.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    round(&page.hub).unwrap();
}

#[test]
fn one_case_is_one_message_on_each_way() {
    let page = Page::with(&[case("rsync", Priority::Immediate), case("vim", Priority::Defer)]);
    let post = post();
    page.hub.db.set(NAME, &post.settings).unwrap();
    for _ in 0..5 {
        round(&page.hub).unwrap();
    }
    for inbox in [&post.mail, &post.hook, &post.topic] {
        assert_eq!(inbox.all().len(), 1, "{:?}", inbox.all());
    }
    let topic = &post.topic.all()[0];
    assert!(
        topic.to_lowercase().contains("priority: urgent") && topic.contains("Bearer tk_secret")
    );
    assert_eq!(post.life.all().len(), 1, "one sign of life in five minutes");
}

#[test]
fn a_server_that_was_down_for_an_hour_gets_it_once() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let post = post();
    page.hub.db.set(NAME, &Settings { escalate_minutes: 0, ..post.settings.clone() }).unwrap();
    let all = [&post.mail, &post.hook, &post.topic];
    for inbox in all {
        inbox.down.store(true, Ordering::SeqCst);
    }
    round(&page.hub).unwrap();
    for _ in 0..60 {
        later(&page, 1);
    }
    assert!(all.iter().all(|inbox| inbox.all().is_empty()));
    let waiting = page.hub.db.letters(9).unwrap();
    assert!(waiting.iter().all(|letter| letter.attempts >= 5 && letter.error.is_some()));
    for inbox in all {
        inbox.down.store(false, Ordering::SeqCst);
    }
    for _ in 0..60 {
        later(&page, 1);
    }
    for inbox in all {
        assert_eq!(inbox.all().len(), 1, "{:?}", inbox.all());
    }
    assert!(page.hub.db.letters(9).unwrap().iter().all(|letter| letter.sent_ms.is_some()));
}

#[test]
fn no_message_names_a_person_a_machine_or_a_package_or_holds_a_secret() {
    let mut whole = case("rsync-of-ward-3", Priority::Immediate);
    whole.owner = Some("Dr Example".into());
    let page = Page::with(&[whole]);
    let post = post();
    page.hub.db.set(NAME, &Settings { digest_hour: Some(0), ..post.settings.clone() }).unwrap();
    let browser = page.browser(Role::Admin);
    browser.post("/settings/messages/test", &[]);
    round(&page.hub).unwrap();
    later(&page, 31);
    let all: Vec<String> =
        [&post.mail, &post.hook, &post.topic].iter().flat_map(|inbox| inbox.all()).collect();
    assert_eq!(all.len(), 3 * 4, "new, digest, test, escalation on each way");
    for text in &all {
        let text = text.replace("Bearer tk_secret", "");
        for word in [
            "rsync",
            "ward",
            "Example\"",
            "Dr ",
            "reception",
            "admin",
            "tk_secret",
            "key of sixteen",
            "CVE",
        ] {
            assert!(!text.contains(word), "`{word}` is in {text}");
        }
    }
}

#[test]
fn what_nobody_takes_up_is_told_again_and_waiting_on_purpose_moves_that() {
    let page = Page::with(&[case("rsync", Priority::Immediate), case("vim", Priority::Immediate)]);
    let post = post();
    page.hub.db.set(NAME, &post.settings).unwrap();
    round(&page.hub).unwrap();
    let browser = page.browser(Role::Viewer);
    let id = case("vim", Priority::Immediate).id;
    let fields = [("reason", "the practice is closed"), ("hours", "8")];
    assert_eq!(browser.post(&format!("/cases/{id}/wait"), &fields).status, 303);
    later(&page, 31);
    let told =
        |post: &Post| post.topic.all().iter().filter(|text| text.contains("still waiting")).count();
    assert_eq!(told(&post), 1, "the one that nobody waits with");
    later(&page, 60);
    assert_eq!(told(&post), 1, "once");
    later(&page, 8 * 60);
    assert_eq!(told(&post), 2, "morning has come");
}

#[test]
fn a_receiver_can_check_a_webhook() {
    let page = Page::with(&[case("rsync", Priority::OutOfCycle)]);
    let post = post();
    page.hub.db.set(NAME, &post.settings).unwrap();
    round(&page.hub).unwrap();
    let got = &post.hook.all()[0];
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    let field = head.lines().find_map(|line| line.strip_prefix("ringfort-signature: ")).unwrap();
    let expected = deliver::signature(&post.settings.webhook_key.0, NOW_MS, body).unwrap();
    assert_eq!(field, format!("t={},v1={expected}", NOW_MS / 1_000));
    assert!(head.contains("idempotency-key: "));
}

#[test]
fn what_the_executor_wants_told_is_told_once_in_the_words_of_the_page() {
    let page = Page::with(&[]);
    let post = post();
    page.hub.db.set(NAME, &post.settings).unwrap();
    let outbox = page.hub.config.dir.parent().unwrap().join("outbox");
    std::fs::create_dir_all(&outbox).unwrap();
    let now_ms = page.hub.clock.now_ms();
    let notice = |id: &str, time_ms: i64| {
        let notice = serde_json::json!({
            "id": id, "time_ms": time_ms, "host": "00".repeat(32), "kind": "break_glass",
            "to": ["person:ann"], "text": "Ann breaks the glass for rsync", "plan": "11".repeat(32),
        });
        std::fs::write(outbox.join(format!("{id}.json")), notice.to_string()).unwrap();
    };
    notice("01a2080d-46cc-743a-b6ee-90870e92c215", now_ms);
    notice("01a2080d-46cc-743a-b6ee-90870e92c216", now_ms - 60 * 24 * 3_600_000);
    std::fs::write(outbox.join("broken.json"), "{").unwrap();
    for _ in 0..3 {
        later(&page, 1);
    }
    for inbox in [&post.mail, &post.hook, &post.topic] {
        let all = inbox.all();
        assert_eq!(all.len(), 1, "the old one was told long ago: {all:?}");
        assert!(all[0].contains("breaks the glass") && !all[0].contains("rsync"), "{all:?}");
        assert!(!all[0].contains("Ann"), "{all:?}");
    }
}
