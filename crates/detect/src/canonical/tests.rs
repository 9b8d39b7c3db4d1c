use super::*;

/// The view in a form for reading: the words between single spaces.
fn readable(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(" {} ", spaced.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn said(line: &str) -> String {
    readable(&view(line, Text::CommandLine).text)
}

fn finds(rule: &str, line: &str) -> bool {
    let text = view(line, Text::CommandLine).text;
    let anchors = Anchors { start: false, end: false };
    let powershell = rule.contains("powershell") || line.contains("powershell");
    needle(rule, anchors, powershell)
        .is_some_and(|patterns| patterns.iter().all(|pattern| text.contains(pattern.as_str())))
}

#[test]
fn a_line_has_one_form() {
    assert_eq!(
        said(r#""C:\Windows\System32\certutil.exe"  /encode	A.TXT"#),
        r" certutil -encode c:\windows\system32\certutil -encode a.txt 3 "
    );
    assert_eq!(said("net user"), r" c:\windows\system32\net user net user 2 ");
    assert_eq!(said(""), " 0 ");
}

#[test]
fn what_shells_drop_is_dropped_and_counted() {
    let seen = view(r#"c^ert""util -en`code "a" "#, Text::CommandLine);
    assert!(readable(&seen.text).contains(" certutil -encode a "), "{}", seen.text);
    assert_eq!(seen.marks.split_words, 3);
    assert_eq!(view("whoami /all", Text::CommandLine).marks.count(), 0);
}

#[test]
fn letters_from_elsewhere_become_ascii() {
    let seen = view("certutil \u{2013}en\u{ff43}od\u{200b}e f\u{2e2}", Text::CommandLine);
    assert!(readable(&seen.text).contains(" -encode fs "), "{}", seen.text);
    assert_eq!((seen.marks.foreign_letters, seen.marks.odd_dashes), (3, 1));
    // A name in someone's language is no disguise.
    assert_eq!(view("notepad übersicht.txt", Text::CommandLine).marks.count(), 0);
}

#[test]
fn paths_have_one_form() {
    for path in [
        r"C:\Windows\.\Temp\x",
        r"C:\\Windows\Temp\\x",
        r"C:/Windows/Temp/x",
        r"\\?\C:\Windows\Temp\x",
        r"C:\Windows\System32\..\Temp\x",
        r"%SystemRoot%\Temp\x",
        r"%windir:~0,10%\Temp\x",
    ] {
        assert!(said(&format!("type {path}")).contains(r" c:\windows\temp\x "), "{path}");
    }
    assert!(finds(r"\\server\share", r"copy x=\\server\.\share\\x"));
    assert!(finds("a.example/b/", "curl http://a.example/b/c"));
    assert_eq!(view(r"curl http://a.example/b \\server\x", Text::CommandLine).marks.count(), 0);
}

#[test]
fn variables_cut_in_pieces_and_set_in_the_line_are_followed() {
    assert!(said("%comspec:~-7,3% /c x").contains(" cmd -c x "));
    assert!(said("set a=who&& call %a%ami").contains(" whoami "));
    assert!(said("cat${IFS}/etc/passwd").contains(r" \etc\passwd "));
    assert!(said("echo %unknown%").contains(" %unknown% "));
}

#[test]
fn powershell_is_read_as_powershell_reads_it() {
    let line = "powershell -noP -w hidden -ec dwBoAG8AYQBtAGkAIAAvAGEAbABsAA==";
    let text = said(line);
    assert!(text.contains(" -noprofile -windowstyle hidden -encodedcommand "), "{text}");
    assert!(text.contains("-command whoami -all "), "{text}");
    let text = said("powershell -enc:dwBoAG8AYQBtAGkAIAAvAGEAbABsAA==");
    assert!(text.contains("-command whoami -all "), "{text}");
    assert!(said("powershell iex ('Down'+'load'+\"String\")").contains(" downloadstring "));
    assert!(said("powershell ([char]0x69+[char]101+[char]120)").contains("iex"));
}

#[test]
fn a_rule_finds_its_words_in_other_forms_and_another_order() {
    assert!(finds("certutil.exe -f -encode ", "certutil /encode /f a b"));
    assert!(finds(" -enc ", "powershell -EncodedCommand AAAA"));
    assert!(finds(r"\certutil.exe", r#""C:\Windows\System32\certutil""#));
    assert!(finds("/c ", "cmd -c dir"));
    assert!(!finds("certutil.exe -f -encode ", "certutil -decode -f a b"));
    assert!(!finds("net user", "netuser"));
    assert!(!finds("-s cmd", "a -s b cmd"), "a switch and its value stay together");
    assert!(!finds("calc.exe ", "calc.exe"), "it looks for arguments");
}

#[test]
fn a_loop_over_one_word_is_that_word() {
    assert!(finds("net user", "cmd /c \"for %q in (user) do net %q /add\""));
    assert!(finds("net user", "cmd /c for /f \"delims=\" %%q in ('echo user') do net %%q"));
    assert!(!finds("net user", "cmd /c for %q in (user) do echo %r"));
}

#[test]
fn the_shell_around_a_command_does_not_hide_it() {
    assert!(finds("whoami /all", "cmd,/c;whoami,/all"));
    assert!(said("net user 2>nul").contains(" net user 2 "));
    let text = view("cmd /c \"net user & net group\"", Text::CommandLine).text;
    let starts = |rule: &str| {
        let anchors = Anchors { start: true, end: false };
        needle(rule, anchors, false).unwrap().iter().all(|one| text.contains(one.as_str()))
    };
    assert!(starts("net user") && starts("net group") && starts("cmd"));
}

#[test]
fn cmdlets_and_parameters_have_other_names() {
    assert!(finds("powershell Invoke-Expression", "powershell -c iex(gc x)"));
    assert!(finds("powershell iex", "powershell -c Invoke-Expression x"));
    assert!(finds("powershell -WindowStyle hidden", "powershell -w:hidden x"));
    assert!(finds(
        "powershell Add-MpPreference -ExclusionPath C:",
        "powershell Add-MpPreference -ExclusionPath:C:"
    ));
}

#[test]
fn addresses_have_one_form() {
    assert!(finds("://127.0.0.1/x", "curl http://2130706433/x"));
    assert!(finds("a.example/pay", "curl http://a.example/%70ay"));
    assert!(finds(r"C:\Windows\x", r"type \\127.0.0.1\c$\Windows\x"));
    assert!(finds("1234567", "echo 1234567"));
}

#[test]
fn anchors_hold_in_the_view() {
    let holds = |rule: &str, start: bool, end: bool, line: &str| {
        let text = view(line, Text::CommandLine).text;
        needle(rule, Anchors { start, end }, false)
            .is_some_and(|patterns| patterns.iter().all(|one| text.contains(one.as_str())))
    };
    assert!(holds(r"\svchost.exe", false, true, r"C:\Windows\svchost.exe"));
    assert!(holds("rundll32.exe", true, true, r#""rundll32""#));
    assert!(!holds(r"\svchost.exe", false, true, r"C:\Windows\svchost.exe -k x"));
    assert!(!holds("rundll32.exe", true, true, "rundll32.exe x"));
    assert!(holds("net user", true, false, r"C:\Windows\System32\net.exe user"));
    assert!(!holds("net user", true, false, "cmd net user"));
}

#[test]
fn what_a_rule_says_about_the_disguise_itself_has_no_view() {
    let anchors = Anchors { start: false, end: false };
    for text in ["^", "`", "h\"t\"t\"p", "'+'", " ", "a^b", ".exe whoami"] {
        assert_eq!(needle(text, anchors, false), None, "{text}");
    }
    assert!(!is_telling([","]) && is_telling(["abc"]));
}

#[test]
fn what_a_line_ends_with_and_shares_are_kept() {
    assert!(finds("cleareventlog ", "wmic nteventlog cleare^ventlog "));
    assert!(!finds("cleareventlog ", "wmic nteventlog cleareventlog"));
    assert!(finds("\\c$\\windows\\x.dll", r"cmd /c copy \\localhost\c$\window^s\x.dll"));
}

#[test]
fn a_text_with_parameters_of_powershell_is_about_powershell() {
    let line = view("powershell -noninteractive -ep bypass x", Text::CommandLine).text;
    let anchors = Anchors { start: false, end: false };
    let holds = |rule: &str, powershell: bool| {
        let patterns = needle(rule, anchors, powershell).unwrap();
        patterns.iter().all(|one| line.contains(one.as_str()))
    };
    assert!(holds(" -noni -exec bypass ", false));
    assert!(!holds(" -noni -file ", false));
    assert!(finds("powershell /c copy ", "cmd /c co^py x y && powershell"), "another's switch");
}

#[test]
fn expressions_see_both_signs_of_a_switch_and_no_extension() {
    assert_eq!(
        switched("shutdown.exe -r /f C:\\x"),
        [r"shutdown /r /f C:\x", r"shutdown -r -f C:\x"]
    );
    assert_eq!(switched(""), ["", ""]);
}

#[test]
fn nothing_breaks_it() {
    for text in ["%", "$env:", "!a", "[char]", "\\", "\\\\?\\", "..", "-", "^^^", "%a:~%", "\u{0}"]
    {
        view(text, Text::CommandLine);
        view(&text.repeat(1000), Text::Script);
    }
    let long = "é".repeat(100_000);
    assert!(view(&long, Text::Script).text.len() <= TEXT_BYTES_MAX + 16);
}
