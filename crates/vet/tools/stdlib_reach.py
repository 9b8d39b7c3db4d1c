#!/usr/bin/env python3
"""Which callables of Python's standard library lead to running code, importing, processes, files,
the network or native memory.

It reads the library's own sources with `ast` (nothing is imported or run), draws an edge for every
call whose target it can name, and follows the edges to a short list of roots. One line a module is
printed: `module name:letters name:letters ...`, where the letters are x (runs code), i (imports),
p (starts processes), f (opens or changes files), n (network), c (native memory). Names that lead to
none of them are not printed.

    python3 crates/vet/tools/stdlib_reach.py > crates/vet/src/policy/stdlib_reach.txt
"""
import ast
import os
import sys
import sysconfig

ROOTS = {
    "x": """builtins.exec builtins.eval builtins.compile builtins.execfile marshal.loads marshal.load
        pickle.loads pickle.load pickle.Unpickler _pickle.loads _pickle.load _pickle.Unpickler
        types.FunctionType types.CodeType code.interact _interpreters.run_string
        _xxsubinterpreters.run_string _xxsubinterpreters.create _interpreters.create""",
    "i": """builtins.__import__ importlib.import_module _imp.load_dynamic _imp.create_dynamic
        importlib.reload importlib.util.spec_from_file_location""",
    "p": """os.system os.popen os.execv os.execve os.execvp os.execvpe os.execl os.execle os.execlp
        os.execlpe os.spawnv os.spawnve os.spawnl os.spawnlp os.spawnvp os.spawnvpe os.spawnle
        os.posix_spawn os.posix_spawnp os.fork os.forkpty os.kill os.killpg os.startfile pty.spawn
        pty.fork _posixsubprocess.fork_exec _winapi.CreateProcess subprocess.Popen subprocess.run
        subprocess.call subprocess.check_call subprocess.check_output""",
    "f": """builtins.open io.open io.FileIO _io.open _io.FileIO os.open os.remove os.unlink os.rename
        os.replace os.rmdir os.removedirs os.mkdir os.makedirs os.symlink os.link os.chmod os.chown
        os.truncate os.listdir os.scandir os.walk os.chdir os.putenv os.mkfifo os.mknod
        _sqlite3.connect sqlite3.connect mmap.mmap dbm.open""",
    "n": """socket.socket socket.create_connection socket.getaddrinfo socket.gethostbyname _socket.socket
        _socket.getaddrinfo ssl.SSLContext _ssl._SSLContext asyncio.open_connection
        urllib.request.urlopen""",
    "c": """ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.cdll _ctypes.dlopen _ctypes.LoadLibrary
        ctypes.memmove ctypes.string_at ctypes.cast ctypes.pythonapi""",
}
ALIASES = {"posix": "os", "nt": "os", "posixpath": "os.path", "ntpath": "os.path", "_io": "io"}
# Warnings look up the line to show; that opens no file that the caller chose.
QUIET = {"warnings.warn", "warnings.warn_explicit", "warnings._deprecated"}
SKIP = {"test", "tests", "idle_test", "lib2to3", "turtledemo", "site-packages", "__pycache__"}


def modules(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIP and not f.startswith("config-"))
        for name in sorted(files):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                parts = os.path.relpath(path, root)[:-3].split(os.sep)
                if parts[-1] == "__init__":
                    parts.pop()
                if parts:
                    yield ".".join(parts), path


class Module:
    def __init__(self, name, tree, is_package):
        self.name, self.tree = name, tree
        self.package = name if is_package else name.rpartition(".")[0]
        self.imports = {}      # local name -> dotted name
        self.calls = {}        # qualified name -> set of dotted names
        self.bases = {}        # class -> names of its bases
        self.own = set()       # names defined at the top


def dotted(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def collect(module):
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                module.imports[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.package.split(".")
                up = up[: len(up) - node.level + 1]
                base = ".".join([*up, base]).strip(".")
            for alias in node.names:
                module.imports.setdefault(alias.asname or alias.name, f"{base}.{alias.name}")

    def scan(node, owner, cls):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{owner}.{child.name}" if owner else child.name
                if cls is not None or not owner:
                    module.own.add(name)
                    module.calls.setdefault(name, set())
                    body(child, name, cls)
            elif isinstance(child, ast.ClassDef):
                name = f"{owner}.{child.name}" if owner else child.name
                module.own.add(name)
                module.calls.setdefault(name, set())
                module.bases[name] = [b for b in map(dotted, child.bases) if b]
                scan(child, name, name)
            elif isinstance(child, (ast.If, ast.Try, ast.With)):
                scan(child, owner, cls)
            elif isinstance(child, ast.Assign) and cls is None:
                target = dotted(child.value)
                for name in child.targets:
                    if isinstance(name, ast.Name) and target:
                        module.calls.setdefault(name.id, set()).add(("name", target))
                        module.own.add(name.id)

    def body(function, name, cls):
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                target = dotted(node.func)
                if target is None:
                    continue
                if target.startswith("self.") or target.startswith("cls."):
                    rest = target.partition(".")[2]
                    if cls and "." not in rest:
                        module.calls[name].add(("method", cls, rest))
                elif target.startswith("super"):
                    continue
                else:
                    module.calls[name].add(("name", target))

    scan(module.tree, "", None)


def main():
    root = sysconfig.get_paths()["stdlib"]
    known = {}
    for name, path in modules(root):
        try:
            tree = ast.parse(open(path, encoding="utf-8").read())
        except (SyntaxError, UnicodeDecodeError):
            continue
        known[name] = Module(name, tree, os.path.basename(path) == "__init__.py")
        collect(known[name])

    def absolute(module, target):
        first, _, rest = target.partition(".")
        if target in module.own or first in module.own:
            full = f"{module.name}.{target}"
        elif first in module.imports:
            full = module.imports[first] + (f".{rest}" if rest else "")
        else:
            full = f"builtins.{target}"
        head, _, tail = full.partition(".")
        return f"{ALIASES[head]}.{tail}" if head in ALIASES and tail else full

    edges = {}
    for module in known.values():
        for name, targets in module.calls.items():
            out = edges.setdefault(f"{module.name}.{name}", set())
            for target in targets:
                if target[0] == "name":
                    out.add(absolute(module, target[1]))
                else:
                    todo, seen = [target[1]], set()
                    while todo:
                        cls = todo.pop()
                        if cls in seen:
                            continue
                        seen.add(cls)
                        if f"{cls}.{target[2]}" in module.own:
                            out.add(f"{module.name}.{cls}.{target[2]}")
                            break
                        todo += module.bases.get(cls, [])
        for cls, bases in module.bases.items():
            out = edges.setdefault(f"{module.name}.{cls}", set())
            for made in ("__init__", "__new__", "__setstate__", "__post_init__"):
                out.add(f"{module.name}.{cls}.{made}")
            if f"{cls}.__init__" not in module.own:
                out.update(absolute(module, base) for base in bases)

    # What a module hands on under its own name.
    for module in known.values():
        for local, target in module.imports.items():
            if not local.startswith("__"):
                edges.setdefault(f"{module.name}.{local}", set()).add(target)

    reach = {}
    back = {}
    for source, targets in edges.items():
        for target in targets:
            back.setdefault(target, set()).add(source)
    for letter, names in ROOTS.items():
        todo, seen = names.split(), set()
        while todo:
            name = todo.pop()
            if name in seen or name in QUIET:
                continue
            seen.add(name)
            reach.setdefault(name, set()).add(letter)
            todo += back.get(name, ())

    lines = {}
    for full, letters in reach.items():
        parts = full.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            owner = ".".join(parts[:cut])
            if owner in known:
                module = known[owner]
                name = ".".join(parts[cut:])
                if name in module.own or name in module.imports and name not in known:
                    lines.setdefault(owner, {})[name] = "".join(sorted(letters))
                break
    for owner in sorted(known):
        names = lines.get(owner, {})
        # What is only handed on is looked up where it is defined.
        shown = [f"{n}:{l}" for n, l in sorted(names.items()) if n in known[owner].own]
        sys.stdout.write(" ".join([owner, *shown]) + "\n")


main()
