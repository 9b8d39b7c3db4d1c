//! Package URLs (<https://github.com/package-url/purl-spec>, ECMA-427): parse and build.
//!
//! `pkg:type/namespace/name@version?qualifiers#subpath`, percent-encoded by component. The rules
//! of the types that ringfort reads are in one table; other types get the general rules.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{FormatError, limits};

const FORMAT: &str = "package URL";

/// A package URL in its normal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    /// The type, such as `deb` or `cargo`.
    pub kind: String,
    /// The namespace, with `/` between its parts.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// Qualifiers; none is empty.
    pub qualifiers: BTreeMap<String, String>,
    /// A path inside the package.
    pub subpath: Option<String>,
}

/// Whether a type has namespaces.
#[derive(Clone, Copy, PartialEq)]
enum Namespace {
    Required,
    Optional,
    Prohibited,
}

struct TypeRules {
    kind: &'static str,
    namespace: Namespace,
    lower_namespace: bool,
    lower_name: bool,
}

const fn rules(
    kind: &'static str,
    namespace: Namespace,
    lower_namespace: bool,
    lower_name: bool,
) -> TypeRules {
    TypeRules { kind, namespace, lower_namespace, lower_name }
}

const TYPES: &[TypeRules] = &[
    rules("alpm", Namespace::Required, true, true),
    rules("apk", Namespace::Required, true, true),
    rules("bitbucket", Namespace::Required, true, true),
    rules("brew", Namespace::Optional, true, true),
    rules("cargo", Namespace::Prohibited, false, false),
    rules("composer", Namespace::Required, true, true),
    rules("cran", Namespace::Prohibited, false, false),
    rules("deb", Namespace::Required, true, true),
    rules("gem", Namespace::Prohibited, false, false),
    rules("github", Namespace::Required, true, true),
    rules("golang", Namespace::Required, false, false),
    rules("hackage", Namespace::Prohibited, false, false),
    rules("hex", Namespace::Optional, true, true),
    rules("huggingface", Namespace::Required, false, false),
    rules("maven", Namespace::Required, false, false),
    rules("mlflow", Namespace::Prohibited, false, false),
    rules("npm", Namespace::Optional, false, false),
    rules("nuget", Namespace::Prohibited, false, false),
    rules("oci", Namespace::Prohibited, false, true),
    rules("otp", Namespace::Prohibited, false, true),
    rules("pub", Namespace::Prohibited, false, true),
    rules("pypi", Namespace::Prohibited, false, true),
    rules("rpm", Namespace::Required, true, false),
    rules("swift", Namespace::Required, false, false),
    rules("vcpkg", Namespace::Prohibited, false, false),
    rules("vscode-extension", Namespace::Required, true, true),
];

impl Purl {
    /// A package URL from its parts, brought into normal form.
    pub fn build(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
        qualifiers: &[(&str, &str)],
        subpath: Option<&str>,
    ) -> Result<Self, FormatError> {
        let mut purl = Self {
            kind: kind.to_ascii_lowercase(),
            namespace: namespace.map(normal_path).filter(|text| !text.is_empty()),
            name: name.to_owned(),
            version: version.filter(|text| !text.is_empty()).map(str::to_owned),
            qualifiers: BTreeMap::new(),
            subpath: subpath.map(normal_subpath).filter(|text| !text.is_empty()),
        };
        for (key, value) in qualifiers {
            let (key, value) = (key.to_ascii_lowercase(), (*value).to_owned());
            check_qualifier_key(&key)?;
            if !value.is_empty() && purl.qualifiers.insert(key, value).is_some() {
                return Err(FormatError::malformed(FORMAT, "a qualifier is there twice"));
            }
        }
        purl.apply_type_rules()?;
        Ok(purl)
    }

    fn apply_type_rules(&mut self) -> Result<(), FormatError> {
        let mut kind = self.kind.bytes();
        let starts = kind.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts || !kind.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')) {
            return Err(FormatError::malformed(FORMAT, format!("the type `{}`", self.kind)));
        }
        if self.name.is_empty() {
            return Err(FormatError::malformed(FORMAT, "the name is empty"));
        }
        let Some(rules) = TYPES.iter().find(|rules| rules.kind == self.kind) else {
            return Ok(());
        };
        match (rules.namespace, &self.namespace) {
            (Namespace::Required, None) => {
                let reason = format!("the type `{}` needs a namespace", self.kind);
                return Err(FormatError::malformed(FORMAT, reason));
            }
            (Namespace::Prohibited, Some(_)) => {
                let reason = format!("the type `{}` has no namespace", self.kind);
                return Err(FormatError::malformed(FORMAT, reason));
            }
            _ => {}
        }
        if rules.lower_namespace {
            self.namespace = self.namespace.take().map(|text| text.to_lowercase());
        }
        if rules.lower_name {
            self.name = self.name.to_lowercase();
        }
        match self.kind.as_str() {
            "pypi" => self.name = self.name.replace('_', "-"),
            "pub" => {
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                self.name = self.name.chars().map(plain).collect();
            }
            "huggingface" | "oci" => {
                self.version = self.version.take().map(|text| text.to_lowercase());
            }
            "mlflow"
                if self.qualifiers.get("repository_url").is_some_and(|url| {
                    url.contains("azuredatabricks") || url.contains("databricks")
                }) =>
            {
                self.name = self.name.to_lowercase();
            }
            _ => {}
        }
        Ok(())
    }
}

/// Drops empty parts, and keeps `/` between the others.
fn normal_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Drops empty parts, `.` and `..`.
fn normal_subpath(path: &str) -> String {
    path.split('/').filter(|p| !matches!(*p, "" | "." | "..")).collect::<Vec<_>>().join("/")
}

fn check_qualifier_key(key: &str) -> Result<(), FormatError> {
    let starts = key.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    if starts && key.bytes().all(good) {
        Ok(())
    } else {
        Err(FormatError::malformed(FORMAT, format!("the qualifier `{key}`")))
    }
}

impl FromStr for Purl {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        FormatError::check_count(FORMAT, "bytes", text.len(), limits::PURL_BYTES_MAX)?;
        let wrong = |reason: &str| FormatError::malformed(FORMAT, reason);
        let (rest, subpath) = match text.rsplit_once('#') {
            Some((rest, subpath)) => (rest, Some(decode_parts(subpath)?)),
            None => (text, None),
        };
        let (rest, query) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (scheme, rest) = rest.split_once(':').ok_or_else(|| wrong("no `pkg:` scheme"))?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(wrong("no `pkg:` scheme"));
        }
        let rest = rest.trim_matches('/');
        let (kind, rest) = rest.split_once('/').ok_or_else(|| wrong("no type"))?;
        let rest = rest.trim_start_matches('/');
        // An `@` inside the namespace belongs to it: npm scopes are written so by some.
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !version.contains('/') => (path, Some(decode(version)?)),
            _ => (rest, None),
        };
        let (namespace, name) = match path.rsplit_once('/') {
            Some((namespace, name)) => (Some(decode_parts(namespace)?), name),
            None => (None, path),
        };
        let mut pairs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| wrong("a qualifier without `=`"))?;
            pairs.push((key, decode(value)?));
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let name = decode(name)?;
        Self::build(
            kind,
            namespace.as_deref(),
            &name,
            version.as_deref(),
            &pairs,
            subpath.as_deref(),
        )
    }
}

/// Decodes a path part by part, so that an encoded `/` does not make a new part.
fn decode_parts(path: &str) -> Result<String, FormatError> {
    let parts: Result<Vec<String>, FormatError> = path
        .split('/')
        .map(|part| {
            let part = decode(part)?;
            if part.contains('/') {
                return Err(FormatError::malformed(FORMAT, "an encoded `/` in a path"));
            }
            Ok(part)
        })
        .collect();
    Ok(parts?.join("/"))
}

fn decode(text: &str) -> Result<String, FormatError> {
    let wrong = || FormatError::malformed(FORMAT, format!("the percent-encoding of `{text}`"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |b: Option<u8>| char::from(b?).to_digit(16);
            let (high, low) = (digit(rest.next()), digit(rest.next()));
            let value = high.zip(low).map(|(high, low)| high * 16 + low);
            bytes.push(value.and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// Encodes everything but the unreserved characters and those in `keep`.
fn encode(text: &str, keep: &[u8], out: &mut String) {
    for byte in text.bytes() {
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~');
        if unreserved || byte == b':' || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(nibble), 16).map(|c| c.to_ascii_uppercase()));
            }
        }
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = format!("pkg:{}/", self.kind);
        if let Some(namespace) = &self.namespace {
            encode(namespace, b"/", &mut out);
            out.push('/');
        }
        encode(&self.name, b"", &mut out);
        if let Some(version) = &self.version {
            out.push('@');
            encode(version, b"", &mut out);
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            out.push(if index == 0 { '?' } else { '&' });
            out.push_str(key);
            out.push('=');
            encode(value, b"", &mut out);
        }
        if let Some(subpath) = &self.subpath {
            out.push('#');
            encode(subpath, b"/", &mut out);
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_debian_package_and_a_scope_are_read_and_written() {
        let text = "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie";
        let purl: Purl = text.parse().unwrap();
        assert_eq!(purl.qualifiers["arch"], "i386");
        assert_eq!(purl.to_string(), text);
        let purl: Purl = "pkg:npm/@widgets/turn@1.0".parse().unwrap();
        assert_eq!(purl.namespace.as_deref(), Some("@widgets"));
        assert_eq!(purl.to_string(), "pkg:npm/%40widgets/turn@1.0");
    }

    #[test]
    fn the_rules_of_types_hold() {
        assert!("pkg:cargo/space/rand@0.8".parse::<Purl>().is_err());
        assert!("pkg:deb/curl".parse::<Purl>().is_err());
        let purl: Purl = "pkg:PyPI/Widget_Turner".parse().unwrap();
        assert_eq!(purl.to_string(), "pkg:pypi/widget-turner");
    }

    #[test]
    fn bad_urls_are_refused() {
        for bad in ["", "pkg:", "pkg:npm", "http:npm/a", "pkg:npm/a?=1", "pkg:npm/%zz", "pkg:n&/a"]
        {
            assert!(bad.parse::<Purl>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            kind in "[a-z][a-z0-9.-]{0,8}x",
            namespace in proptest::option::of("[^/\0]{1,8}"),
            name in "\\PC{1,12}",
            version in proptest::option::of("\\PC{1,12}"),
            value in "\\PC{1,12}",
        ) {
            let built = Purl::build(
                &kind, namespace.as_deref(), &name, version.as_deref(), &[("key", &value)], None,
            ).unwrap();
            let again: Purl = built.to_string().parse().unwrap();
            prop_assert_eq!(again, built);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = text.parse::<Purl>();
        }
    }
}
