use serde_json::{Map, Value, json};

use crate::observed::Observed;
use crate::tokens::{Reading, TokenKind, act};

/// The acts of an event with these views.
fn acts(class_uid: u32, ocsf: &Value, raw: &Value) -> Vec<String> {
    let empty = Map::new();
    let reading = Reading::of(&Observed {
        time_ms: 0,
        host: "a",
        source: "evtx",
        class_uid,
        ocsf: ocsf.as_object().unwrap_or(&empty),
        raw: raw.as_object().unwrap_or(&empty),
    });
    let acts = reading.tokens.into_iter().filter(|token| token.kind == TokenKind::Act);
    acts.map(|token| token.text).collect()
}

fn launch(parent: &str, path: &str, line: &str) -> Vec<String> {
    let ocsf = json!({"activity_id": 1, "process": {
        "file": {"path": path}, "cmd_line": line, "parent_process": {"file": {"path": parent}}}});
    acts(1_007, &ocsf, &json!({}))
}

const SYSTEM32: &str = "C:\\Windows\\System32\\";

#[test]
fn a_document_that_starts_a_shell_is_an_act_and_a_browser_by_the_desktop_is_none() {
    let word = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE";
    let shell = format!("{SYSTEM32}cmd.exe");
    assert_eq!(
        launch(word, &shell, "cmd /c whoami"),
        ["launch: office starts cmd", "line: cmd with questions"]
    );
    let chrome = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe";
    assert!(launch("C:\\Windows\\explorer.exe", chrome, "chrome https://a.example").is_empty());
}

#[test]
fn a_name_of_windows_elsewhere_is_a_disguise_and_any_other_name_is_its_place() {
    let by = format!("{SYSTEM32}cmd.exe");
    let started = |path: &str| launch(&by, path, "x").remove(0);
    assert_eq!(started("C:\\Users\\Public\\svchost.exe"), "launch: cmd starts misplaced");
    let (one, other) = ("C:\\ProgramData\\mimikatz.exe", "C:\\ProgramData\\qqrbpwx.exe");
    assert_eq!(started(one), started(other), "renaming changes nothing");
}

#[test]
fn what_is_done_to_the_process_that_keeps_credentials_is_told_from_a_look() {
    let reach = |mask: i64| {
        let ocsf = json!({"activity_id": 3, "requested_permissions": mask,
            "process": {"file": {"path": "C:\\Windows\\System32\\lsass.exe"}},
            "actor": {"process": {"file": {"path": "C:\\Users\\a\\Desktop\\x.exe"}}}});
        acts(1_007, &ocsf, &json!({})).remove(0)
    };
    assert_eq!(reach(0x1000), "reach: home program asks lsass");
    assert_eq!(reach(0x1010), "reach: home program reads lsass");
    assert_eq!(reach(0x1f_3fff), "reach: home program owns lsass");
}

#[test]
fn a_run_key_tells_its_area_its_writer_and_what_it_runs() {
    let ocsf = json!({"activity_id": 2,
        "reg_value": {
            "path": "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run", "name": "x",
            "data": "C:\\Users\\Public\\x.exe"},
        "actor": {"process": {"file": {"path": "C:\\Windows\\System32\\reg.exe"}}}});
    assert_eq!(
        acts(201_002, &ocsf, &json!({})),
        [
            "registry: setter sets run key",
            "registry: run key is shared program",
            "registry: run key with a loose place"
        ]
    );
}

#[test]
fn a_cleared_log_is_told_by_its_number_and_its_channel() {
    let raw = json!({"EventID": 1102, "Channel": "Security"});
    assert_eq!(acts(1_008, &json!({}), &raw), ["record: the log is cleared "]);
    let raw = json!({"EventID": 1102, "Channel": "Application"});
    assert!(acts(0, &json!({}), &raw).is_empty());
}

#[test]
fn every_family_is_known_by_its_name() {
    for (place, family) in act::FAMILIES.iter().enumerate() {
        assert_eq!(act::family(&format!("{family}: x")), place);
    }
    assert_eq!(act::family("script: x"), act::FAMILY_COUNT - 1);
}

proptest::proptest! {
    /// Whatever stands in the fields, a reading is bounded and nothing panics.
    #[test]
    fn hostile_fields_are_read(path in ".{0,80}", line in ".{0,400}", mask in -9_i64..99_999_999) {
        const CLASSES: [u32; 11] =
            [1_001, 1_005, 1_006, 1_007, 1_009, 3_001, 3_002, 4_001, 4_006, 201_002, 201_004];
        for class in CLASSES {
            let ocsf = json!({"activity_id": mask.rem_euclid(8), "requested_permissions": mask,
                "process": {"file": {"path": path}, "cmd_line": line}, "file": {"path": path},
                "module": {"file": {"path": path}}, "share": path, "user": {"name": line},
                "reg_value": {"path": line, "name": path, "data": line},
                "win_service": {"cmd_line": line}, "job": {"cmd_line": line},
                "script": {"script_content": {"value": line}}});
            let raw = json!({"EventID": mask, "Channel": "Security", "OriginalFileName": path});
            proptest::prop_assert!(acts(class, &ocsf, &raw).len() <= 20);
        }
    }
}
