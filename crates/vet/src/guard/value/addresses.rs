//! Addresses of mail and of the web: whether a text is one, wholly and in the one plain form, and
//! which of them stand in a text.

use super::Wrong;

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 2048;
/// Bytes of what stands after `?` in an address: room for a page number, not for a file.
const QUERY_BYTES_MAX: usize = 256;

/// The host of an address of mail, in lower case, if it is one in plain form.
pub fn email(text: &str) -> Result<String, Wrong> {
    let (name, host) = text.split_once('@').ok_or("it is no address of mail")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-'".contains(c);
    let good = !name.is_empty()
        && name.len() <= 64
        && name.chars().all(plain)
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..");
    if !good {
        return Err("the name before `@` is not in plain form");
    }
    host_name(host)
}

/// A host name in plain form, in lower case: labels of letters, digits and hyphens, no numbers for
/// addresses, no foreign script in disguise.
fn host_name(host: &str) -> Result<String, Wrong> {
    let lower = host.to_ascii_lowercase();
    let labels: Vec<&str> = lower.split('.').collect();
    let label = |label: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.starts_with("xn--")
    };
    let top = labels.last().copied().unwrap_or_default();
    let named = top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic());
    if labels.len() >= 2 && lower.len() <= 253 && labels.iter().all(label) && named {
        Ok(lower)
    } else {
        Err("the host is not a name in plain form")
    }
}

/// Whether a host is one of a list: `a.example`, or `*.a.example` for those below it.
pub fn is_listed(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|listed| match listed.strip_prefix('*') {
        Some(below) => host.len() > below.len() && host.ends_with(below) && below.starts_with('.'),
        None => host.eq_ignore_ascii_case(listed),
    })
}

/// The host of an address of the web, in lower case, if it is one in plain form.
pub fn url(text: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix("https://").ok_or("it does not begin with `https://`")?;
    if text.len() > ADDRESS_BYTES_MAX {
        return Err("it is too long");
    }
    let plain = |c: char| c.is_ascii_graphic() && !"\\\"<>`{}|^".contains(c);
    if !text.chars().all(plain) {
        return Err("it holds characters that an address has no need of");
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let authority = authority.strip_suffix(":443").unwrap_or(authority);
    let host = host_name(authority)?;
    let decoded = decoded(&decoded(tail));
    let mark = decoded.find(['?', '#']).unwrap_or(decoded.len());
    let (path, query) = decoded.split_at_checked(mark).unwrap_or((&decoded, ""));
    if path.split('/').any(|part| part == "..") || path.contains('\\') {
        return Err("its path leads elsewhere");
    }
    if query.len() > QUERY_BYTES_MAX {
        return Err("it carries too much after `?`");
    }
    if decoded.contains("//") || query.contains('\\') || query.contains("http:") {
        return Err("another address stands in it");
    }
    Ok(host)
}

/// The text with `%41` and the like as what they mean.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |place: usize| bytes.get(place).and_then(|b| char::from(*b).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Every address of mail that stands in a text, in lower case.
pub fn emails(text: &str) -> Vec<String> {
    let part = |c: char| c.is_ascii_alphanumeric() || "._+-'@".contains(c);
    text.split(|c: char| !part(c))
        .map(|token| token.trim_matches(['.', '\'', '-']).to_ascii_lowercase())
        .filter(|token| email(token).is_ok())
        .collect()
}

/// Every address of the web that stands in a text, as it stands.
pub fn urls(text: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'<>()[]{}`\\".contains(c);
    text.split(ends)
        .map(|token| token.trim_end_matches(['.', ',', ';', ':', '!', '?']))
        .filter(|token| url(token).is_ok())
        .map(str::to_owned)
        .collect()
}

/// Everything in a text that looks like it leads somewhere: addresses of mail and of the web, in
/// whatever form, hosts and numbers for hosts. In lower case.
pub fn leads(text: &str) -> Vec<String> {
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'<>()[]{}`,;|\\".contains(c);
    let lower = text.to_lowercase();
    let token = |token: &str| {
        let token = token.trim_matches(['.', ':', '!', '?']);
        let host = token.split("://").last().unwrap_or(token);
        let host = host.split(['/', '?', '#']).next().unwrap_or(host);
        let host = host.rsplit('@').next().unwrap_or(host);
        let host = host.split(':').next().unwrap_or(host);
        let numbers =
            host.split('.').count() == 4 && host.split('.').all(|n| n.parse::<u8>().is_ok());
        let name = host_name(host).is_ok() && !is_file(host);
        (token.contains("://") || token.contains('@') || numbers || name).then(|| token.to_owned())
    };
    lower.split(ends).filter_map(token).collect()
}

/// `report.txt` looks like a host; it is a file.
fn is_file(host: &str) -> bool {
    const ENDINGS: [&str; 24] = [
        "txt", "md", "csv", "json", "py", "js", "ts", "html", "pdf", "doc", "docx", "xls", "xlsx",
        "png", "jpg", "jpeg", "gif", "svg", "xml", "yaml", "yml", "toml", "log", "zip",
    ];
    host.split('.').count() == 2 && host.rsplit('.').next().is_some_and(|e| ENDINGS.contains(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_mail_has_one_plain_form() {
        assert_eq!(email("O'Brien+news@Partner.Example").unwrap(), "partner.example");
        for bad in [
            "a@b@c.example",
            "a%b@c.example",
            "b!a@c.example",
            "\"a\"@c.example",
            "a@[203.0.113.5]",
            "a@203.0.113.5",
            "a@c.example.",
            "a@xn--c-eka.example",
            "a@c",
            " a@c.example",
            "a@c.example\n",
            "a@с.example",
            ".a@c.example",
            "",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_the_web_has_one_plain_form() {
        assert_eq!(url("https://A.example/x?y=1#z").unwrap(), "a.example");
        assert_eq!(url("https://a.example:443").unwrap(), "a.example");
        for bad in [
            "http://a.example/",
            "https://a@b.example/",
            "https://a.example:8443/",
            "https://a.example\\@b.example/",
            "https://a.example%2eb.example/",
            "https://3405803781/",
            "https://[::1]/",
            "https://localhost/",
            "https://a.example/../x",
            "https://a.example/%2e%2e/x",
            "https://a.example/?u=https://b.example",
            "https://a.example/?u=https%3A%2F%2Fb.example",
            "https://a.example/?u=%252F%252Fb.example",
            "https://a.example/ x",
            "https:///a.example",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_compared_whole() {
        let hosts = ["a.example".to_owned(), "*.b.example".to_owned()];
        assert!(is_listed("a.example", &hosts) && is_listed("x.b.example", &hosts));
        for other in ["xa.example", "a.example.evil.example", "b.example", "xb.example", ""] {
            assert!(!is_listed(other, &hosts), "{other}");
        }
    }

    #[test]
    fn addresses_are_found_in_texts() {
        let text = "Write to Ann.Lee@Clinic.example. See (https://a.example/x?y), 'b@c.example'";
        assert_eq!(emails(text), ["ann.lee@clinic.example", "b@c.example"]);
        assert_eq!(urls(text), ["https://a.example/x?y"]);
        let seen = leads("go to evil.example/x or http://1.2.3.4/ or a@b.example, not report.txt");
        assert_eq!(seen, ["evil.example/x", "http://1.2.3.4/", "a@b.example"]);
    }
}
