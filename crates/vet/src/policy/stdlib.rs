//! Where callables of Python's standard library lead: computed from the library's own sources by
//! `tools/stdlib_reach.py`, with what is written in C listed here by hand.

use std::collections::HashMap;
use std::sync::OnceLock;

const TABLE: &str = include_str!("stdlib_reach.txt");

/// Modules that are written in C, and where all their callables lead: letters as in the table.
const NATIVE: &[(&str, &str)] = &[
    ("os", "pf"),
    ("io", "f"),
    ("_io", "f"),
    ("_socket", "n"),
    ("_ssl", "n"),
    ("_ctypes", "c"),
    ("_pickle", "x"),
    ("marshal", "x"),
    ("_posixsubprocess", "p"),
    ("_winapi", "p"),
    ("_interpreters", "x"),
    ("_xxsubinterpreters", "x"),
    ("_xxinterpchannels", "x"),
    ("_interpchannels", "x"),
    ("_interpqueues", "x"),
    ("_imp", "i"),
    ("_sqlite3", "f"),
    ("mmap", "f"),
    ("gc", "c"),
    ("sys", "x"),
    ("_testcapi", "c"),
    ("_testinternalcapi", "c"),
    ("_remote_debugging", "c"),
    ("winreg", "f"),
    ("msvcrt", "p"),
    ("_overlapped", "n"),
    ("_multiprocessing", "p"),
    ("_posixshmem", "f"),
    ("_gdbm", "f"),
    ("_dbm", "f"),
    ("fcntl", "f"),
    ("resource", "p"),
    ("signal", "p"),
    ("_signal", "p"),
    ("readline", "f"),
    ("termios", "f"),
    ("syslog", "f"),
    ("_lsprof", "x"),
    ("_tracemalloc", "c"),
    ("faulthandler", "c"),
    ("_frozen_importlib", "i"),
    ("_frozen_importlib_external", "i"),
    ("zipimport", "i"),
    ("_curses", "f"),
    ("_tkinter", "x"),
    ("nis", "n"),
    ("ossaudiodev", "f"),
    ("spwd", "f"),
    ("_scproxy", "n"),
    ("_uuid", ""),
    ("_random", ""),
    ("_collections", ""),
    ("_operator", ""),
    ("_functools", ""),
    ("_codecs", ""),
    ("_struct", ""),
    ("_thread", ""),
    ("itertools", ""),
    ("math", ""),
    ("cmath", ""),
    ("time", ""),
    ("array", ""),
    ("zlib", ""),
    ("binascii", ""),
    ("builtins", ""),
    ("_datetime", ""),
    ("_decimal", ""),
    ("_json", ""),
    ("_abc", ""),
    ("_hashlib", ""),
    ("_heapq", ""),
    ("_bisect", ""),
    ("_csv", ""),
    ("_queue", ""),
    ("atexit", "x"),
    ("errno", ""),
    ("pwd", "f"),
    ("grp", "f"),
    ("select", ""),
    ("_symtable", "x"),
    ("_ast", ""),
    ("_weakref", ""),
    ("_sre", ""),
    ("_string", ""),
    ("_warnings", ""),
    ("_stat", ""),
    ("pyexpat", ""),
    ("_elementtree", ""),
    ("unicodedata", ""),
    ("_bz2", ""),
    ("_lzma", ""),
    ("_opcode", ""),
    ("_statistics", ""),
    ("_zoneinfo", ""),
    ("_contextvars", ""),
    ("_asyncio", ""),
    ("_locale", ""),
    ("_posixpath", ""),
    ("_crypt", ""),
    ("audioop", ""),
    ("xxlimited", ""),
    // Modules that other versions have, or that the table leaves out.
    ("_pyrepl", "fpx"),
    ("test", "fpx"),
    ("telnetlib", "n"),
    ("asyncore", "n"),
    ("asynchat", "n"),
    ("smtpd", "n"),
    ("imp", "i"),
    ("popen2", "p"),
    ("commands", "p"),
    ("urllib2", "n"),
    ("httplib", "n"),
    ("lib2to3", "fpx"),
    ("distutils", "fpx"),
    ("idlelib", "fpx"),
    ("turtledemo", "fpx"),
    ("ensurepip", "fpx"),
    ("nturl2path", ""),
    ("concurrent.interpreters", "x"),
    ("compression", ""),
    ("annotationlib", "x"),
    ("_android_support", "f"),
    ("_ios_support", "f"),
    ("_aix_support", "p"),
    ("_osx_support", "p"),
    ("dummy_threading", ""),
    ("formatter", ""),
    ("parser", "x"),
    ("symbol", ""),
    ("macpath", ""),
    ("binhex", "f"),
    ("bdb", "x"),
];

/// A few callables written in C that lead nowhere although their module does.
const HARMLESS: &[&str] = &[
    "os.PathLike",
    "os.stat_result",
    "os.fspath",
    "os.cpu_count",
    "io.BytesIO",
    "io.StringIO",
    "io.TextIOWrapper",
    "sys.getsizeof",
    "sys.maxsize",
    "sys.intern",
    "gc.isenabled",
    "os.path.join",
    "os.path.basename",
    "os.path.dirname",
    "os.path.splitext",
    "os.terminal_size",
    "signal.Signals",
    "signal.Handlers",
    "os.environ",
    "sys.version_info",
    "sys.flags",
    "resource.struct_rusage",
];

fn table() -> &'static HashMap<&'static str, HashMap<&'static str, &'static str>> {
    static PARSED: OnceLock<HashMap<&'static str, HashMap<&'static str, &'static str>>> =
        OnceLock::new();
    PARSED.get_or_init(|| {
        TABLE
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let module = words.next()?;
                Some((module, words.filter_map(|word| word.split_once(':')).collect()))
            })
            .collect()
    })
}

/// Whether a module, or a package above it, is of the standard library.
pub fn is_stdlib(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    table().contains_key(module) || table().contains_key(top) || native(top).is_some()
}

fn native(module: &str) -> Option<&'static str> {
    NATIVE.iter().find(|(name, _)| *name == module).map(|(_, letters)| *letters)
}

/// Where a callable leads: letters as in the table, empty where it leads nowhere that is known.
pub fn reach(module: &str, name: &str) -> &'static str {
    let full = format!("{module}.{name}");
    if HARMLESS.iter().any(|harmless| full == *harmless) {
        return "";
    }
    if let Some(names) = table().get(module) {
        // A method leads where it leads, an unlisted one where its class does.
        let mut part = name;
        loop {
            if let Some(letters) = names.get(part) {
                return letters;
            }
            match part.rsplit_once('.') {
                Some((outer, _)) => part = outer,
                None => break,
            }
        }
    }
    let mut part = module;
    loop {
        if let Some(letters) = native(part) {
            return letters;
        }
        match part.rsplit_once('.') {
            Some((outer, _)) => part = outer,
            None => return "",
        }
    }
}

/// The letters in plain words.
pub fn in_words(letters: &str) -> String {
    let words: Vec<&str> = letters
        .chars()
        .filter_map(|letter| match letter {
            'x' => Some("runs code"),
            'i' => Some("imports modules"),
            'p' => Some("starts processes"),
            'f' => Some("opens or changes files"),
            'n' => Some("uses the network"),
            'c' => Some("touches memory directly"),
            _ => None,
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_graph_leads_to_what_runs_code() {
        assert!(reach("timeit", "timeit").contains('x'));
        assert!(reach("cProfile", "Profile.run").contains('x'));
        assert!(reach("uuid", "_get_command_stdout").contains('p'));
        assert!(reach("smtplib", "SMTP").contains('n'));
        assert!(reach("os", "system").contains('p'));
        assert_eq!(reach("collections", "OrderedDict"), "");
        assert_eq!(reach("os", "fspath"), "");
    }

    #[test]
    fn submodules_of_the_library_are_of_the_library() {
        assert!(is_stdlib("os.path") && is_stdlib("idlelib.run") && is_stdlib("_interpreters"));
        assert!(!is_stdlib("torch.nn") && !is_stdlib("osmosis"));
    }
}
