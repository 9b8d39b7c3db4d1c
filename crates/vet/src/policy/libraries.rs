//! What real files of known libraries import and call when they are loaded. What is here is not
//! reported; everything else is judged by what it is.

use crate::fact::How;

/// A library whose files are known.
struct Library {
    /// The top-level packages.
    roots: &'static [&'static str],
    /// What may be called with arguments: full names; `*` at an end stands for the rest.
    calls: &'static [&'static str],
    /// What may not be made either, although it looks like a class.
    never: &'static [&'static str],
}

const LIBRARIES: &[Library] = &[
    Library {
        roots: &["builtins"],
        calls: &[
            "builtins.dict", "builtins.list", "builtins.tuple", "builtins.set",
            "builtins.frozenset", "builtins.int", "builtins.float", "builtins.complex",
            "builtins.bool", "builtins.str", "builtins.bytes", "builtins.bytearray",
            "builtins.object", "builtins.range", "builtins.slice", "builtins.len",
            "builtins.sorted", "builtins.abs", "builtins.min", "builtins.max", "builtins.sum",
            "builtins.round", "builtins.zip", "builtins.enumerate", "builtins.reversed",
            "builtins.iter", "builtins.memoryview", "builtins.long", "builtins.unicode",
            "builtins.xrange", "builtins.hash", "builtins.repr", "builtins.chr", "builtins.ord",
            "builtins.any", "builtins.all", "builtins.isinstance", "builtins.NotImplementedType",
            "builtins.Ellipsis", "builtins.NotImplemented", "builtins.property",
            "builtins.staticmethod", "builtins.classmethod", "builtins.*Error",
            "builtins.*Exception", "builtins.*Warning", "builtins.StopIteration",
        ],
        never: &[],
    },
    Library {
        roots: &[
            "collections", "datetime", "decimal", "fractions", "uuid", "pathlib", "enum", "re",
            "copyreg", "_codecs", "functools", "operator", "itertools", "types", "random",
            "array", "numbers", "logging", "typing", "zoneinfo", "ipaddress", "math", "time",
            "io", "argparse", "statistics", "inspect", "dataclasses", "abc", "struct", "string",
            "xml", "_thread", "threading", "weakref", "copy", "os", "heapq", "bisect", "pytz",
            "dateutil", "_collections", "contextvars", "graphlib", "textwrap", "difflib",
            "calendar", "json", "warnings",
        ],
        calls: &[
            "collections.*", "datetime.*", "decimal.*", "fractions.*", "uuid.UUID",
            "uuid.SafeUUID", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path",
            "pathlib.Pure*", "pathlib._local.P*", "enum.*Enum", "enum.*Flag", "enum.auto",
            "re._compile", "re.compile", "re.RegexFlag", "copyreg._reconstructor",
            "copyreg.__newobj*", "_codecs.encode", "functools.partial", "functools.cmp_to_key",
            "operator.itemgetter", "operator.add", "operator.mul", "operator.sub", "operator.neg",
            "operator.truediv", "itertools.count", "itertools.chain", "itertools.repeat",
            "itertools.cycle", "itertools.islice", "itertools.product",
            "itertools.combinations*", "itertools.permutations", "types.SimpleNamespace",
            "types.MappingProxyType", "types.GenericAlias", "random.Random", "array.array",
            "array._array_reconstructor", "numbers.*", "logging.getLogger", "typing.*",
            "zoneinfo.ZoneInfo*", "ipaddress.*", "math.*", "time.struct_time", "io.BytesIO",
            "io.StringIO", "argparse.Namespace", "statistics.NormalDist", "inspect.Signature",
            "inspect.Parameter", "inspect._ParameterKind", "struct.Struct", "string.Template",
            "threading.Lock", "threading.RLock", "_thread.allocate_lock", "_thread.RLock",
            "copy.copy", "copy.deepcopy", "pytz._p", "pytz._UTC", "pytz.timezone",
            "dateutil.tz.*", "dateutil.relativedelta.*", "os.PathLike", "os.stat_result",
            "os.fspath", "weakref.ref", "contextvars.Context", "collections.namedtuple",
        ],
        never: &[
            "collections.namedtuple", "logging.FileHandler", "logging.handlers.*",
            "logging.config.*", "logging.StreamHandler", "xml.sax.*", "xml.dom.*",
            "threading.Thread", "threading.Timer", "io.FileIO", "io.Buffered*", "io.TextIO*",
            "typing.NamedTuple", "typing.get_type_hints", "typing.ForwardRef._evaluate",
            "collections.abc.*.*", "datetime.sys*", "random.SystemRandom",
            "operator.methodcaller", "types.CodeType", "types.FunctionType", "types.LambdaType",
            "types.ModuleType", "types.DynamicClassAttribute", "os._*", "os.popen",
            "inspect.*.*", "string.Formatter*",
        ],
    },
    Library {
        roots: &["numpy"],
        calls: &[
            "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
            "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
            "numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer",
            "numpy.core._internal._convert_to_stringdtype_kwargs",
            "numpy._core._internal._convert_to_stringdtype_kwargs", "numpy.ndarray",
            "numpy.dtype", "numpy.dtypes.*DType", "numpy.random._pickle.__*_ctor",
            "numpy.random.__*_ctor", "numpy.random.mtrand.RandomState",
            "numpy.random._pickle.__bit_generator_ctor", "numpy.ma.core._mareconstruct",
            "numpy.ma.core.MaskedArray", "numpy.core._ufunc_reconstruct",
            "numpy._core._ufunc_reconstruct", "numpy.core.numerictypes.*",
            "numpy.bool", "numpy.bool_", "numpy.int*", "numpy.uint*", "numpy.float*",
            "numpy.complex*", "numpy.str_", "numpy.bytes_", "numpy.object_", "numpy.void",
            "numpy.datetime64", "numpy.timedelta64", "numpy.half", "numpy.single", "numpy.double",
            "numpy.longdouble", "numpy.core.records.recarray", "numpy.rec.recarray",
            "numpy.core.records.record", "numpy._core.records.rec*", "numpy.record",
            "numpy.recarray", "numpy.matrix*", "numpy.core.memmap.memmap", "numpy.poly1d",
            "numpy.lib.polynomial.poly1d", "numpy.random._*.Seed*", "numpy.random.bit_generator.*",
            "numpy.random._generator.*", "numpy.polynomial.*.*",
            "numpy.core.fromnumeric.*", "numpy._core.fromnumeric.*",
        ],
        never: &["numpy.testing.*", "numpy.f2py.*", "numpy.distutils.*", "numpy.lib.npyio.*",
            "numpy.lib._npyio*", "numpy.ctypeslib.*", "numpy._utils.*", "numpy.DataSource",
            "numpy.lib._datasource.*"],
    },
    Library {
        roots: &["torch", "torchvision", "torchaudio", "torchtext"],
        calls: &[
            "torch._utils._rebuild_*", "torch._tensor._rebuild_*", "torch._rebuild_*", "torch.Size",
            "torch.device", "torch.dtype", "torch.memory_format", "torch.layout",
            "torch.serialization._get_layout", "torch.*Storage", "torch.storage.UntypedStorage",
            "torch.storage.TypedStorage", "torch.storage._Typed*", "torch.Tensor", "torch.*Tensor",
            "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer",
            "torch.nn.parameter.UninitializedParameter", "torch._C._nn.*",
            "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_tensorlist",
            "torch.jit._pickle.build_doublelist", "torch.jit._pickle.build_boollist",
            "torch.jit._pickle.restore_type_tag",
            "torch.jit._pickle.build_tensor_from_id", "torch.distributed._tensor.*",
            "torch._C.Generator", "torch.Generator", "torch._C.device", "torch.OrderedDict",
            "torch.utils._ordered_set.OrderedSet", "torch.nn.modules.*.*", "torch.nn.*",
            "torch.optim.*.*", "torchvision.models.*.*", "torchvision.transforms.*.*",
            "torchvision.ops.*.*", "torch.float*", "torch.int*", "torch.uint8", "torch.bool",
            "torch.bfloat16", "torch.half", "torch.complex*", "torch.q*int*", "torch.short",
            "torch.long", "torch.double", "torch.per_tensor_affine", "torch.per_channel_affine",
            "torch.strided", "torch.relu", "torch.tanh", "torch.sigmoid", "torch.ao.nn.*.*",
        ],
        never: &[
            "torch.hub.*", "torch.jit.*", "torch._inductor.*", "torch._dynamo.*", "torch.load",
            "torch.compile*", "torch.serialization.*", "torch.utils.*", "torch.package.*",
            "torch.fx.*", "torch.distributed.*", "torch.multiprocessing.*", "torch.cuda.*",
            "torch.ops.*", "torch.classes.*", "torch.export.*", "torch.onnx.*",
            "torch._C._*", "torch.testing.*", "torch.storage._load_from_bytes",
            "torch._export.*", "torch._higher_order_ops.*", "torch._functorch.*",
            "torch.profiler.*", "torch.library.*", "torch.autograd.*",
        ],
    },
    Library {
        roots: &["sklearn", "scipy", "joblib", "imblearn", "skops", "sklearn_crfsuite",
            "sklearn_pandas", "category_encoders"],
        calls: &[
            "sklearn.*__pyx_unpickle_*", "scipy.*__pyx_unpickle_*", "sklearn.*_newobj",
            "sklearn.utils.Bunch", "sklearn.utils._bunch.Bunch", "sklearn.tree._tree.Tree",
            "sklearn.neighbors.*newObj", "sklearn.neighbors._*newObj", "sklearn.metrics.*newObj",
            "sklearn.metrics.*.DistanceMetric*", "sklearn.neighbors.*Tree*",
            "sklearn.linear_model._sgd_fast.*", "sklearn.linear_model.sgd_fast.*",
            "sklearn.tree._criterion.*", "sklearn.tree._splitter.*",
            "sklearn.ensemble.*.*Loss*", "sklearn._loss.*.*", "sklearn.ensemble._gb_losses.*",
            "sklearn.ensemble.*.*Predictor*", "sklearn.utils._random.*",
            "sklearn.gaussian_process.kernels.*", "scipy.sparse.*.*_matrix",
            "scipy.sparse.*.*_array", "scipy.stats.*.*_gen", "scipy.stats.*.*frozen",
            "scipy.interpolate.*.*", "scipy.spatial.*.*", "scipy._lib.*.Bunch*",
            "scipy.optimize.*.OptimizeResult", "joblib.numpy_pickle.Numpy*Wrapper",
            "joblib.numpy_pickle_compat.*Wrapper", "joblib.memory.Memory",
            "sklearn.compose._column_transformer.*", "sklearn.ensemble._hist_gradient_boosting.*",
        ],
        never: &["joblib.load", "joblib.numpy_pickle.load*", "joblib.numpy_pickle._unpickle*",
            "joblib.externals.*", "joblib._memmapping_reducer.*", "joblib.parallel.*",
            "scipy.io.*", "scipy.misc.*", "sklearn.datasets.*", "sklearn.utils.*.exec*",
            "scipy.weave.*", "sklearn.externals.*"],
    },
    Library {
        roots: &["pandas"],
        calls: &[
            "pandas._libs.internals._unpickle_block", "pandas._libs.*__pyx_unpickle_*",
            "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked", "pandas.core.*._unpickle*",
            "pandas.core.indexes.base._new_Index", "pandas.core.indexes.*._new_*Index",
            "pandas.indexes.base._new_Index", "pandas.core.frame.DataFrame",
            "pandas.core.series.Series", "pandas.core.internals.*.*", "pandas.core.arrays.*.*",
            "pandas._libs.tslibs.*._unpickle*", "pandas._libs.tslibs.*.*_unpickle",
            "pandas._libs.tslibs.*.Timestamp", "pandas._libs.tslibs.offsets.*",
            "pandas._libs.tslibs.nattype.*", "pandas._libs.missing.*", "pandas.Timestamp",
            "pandas._libs.interval.*", "pandas.core.dtypes.dtypes.*", "pandas.core.indexes.*.*",
            "pandas.core.indexes.frozen.FrozenList", "pandas.Index*", "pandas.*Index",
        ],
        never: &["pandas.io.*", "pandas.read_*", "pandas.eval", "pandas.core.computation.*",
            "pandas.util.*", "pandas.compat.*", "pandas.plotting.*"],
    },
    Library {
        roots: &[
            "xgboost", "lightgbm", "catboost", "transformers", "tokenizers", "sentence_transformers",
            "spacy", "thinc", "flair", "gensim", "nltk", "keras", "tensorflow", "timm",
            "torch_geometric", "pytorch_lightning", "lightning", "fastai", "fastcore", "omegaconf",
            "ultralytics", "statsmodels", "hmmlearn", "pyro", "gpytorch", "shap", "networkx",
            "PIL", "astropy", "mlxtend", "pycrfsuite", "diffusers", "peft", "accelerate", "safetensors",
            "umap", "pynndescent", "hdbscan", "implicit", "surprise", "prophet", "sktime", "river",
            "_io", "jax", "jaxlib", "flax", "optax", "haiku", "stable_baselines3", "gym", "gymnasium",
            "deap", "tpot", "autogluon", "pyarrow", "polars", "shapely", "geopandas", "sympy",
        ],
        calls: &[
            "xgboost.core.Booster", "gensim.models.*.*", "gensim.corpora.*.*",
            "omegaconf.*Config", "omegaconf.nodes.*", "omegaconf.base.*", "torch_geometric.data.*",
            "transformers.*Config", "transformers.*.TrainingArguments", "transformers.trainer_utils.*",
            "nltk.tree.*", "nltk.probability.*", "spacy.vocab.unpickle_*", "spacy.*.unpickle_*",
            "spacy.*.pickle_*", "networkx.classes.*.*", "PIL.Image.Image", "jax._src.array._reconstruct*",
            "statsmodels.*.*", "pynndescent.*__pyx_unpickle_*", "fastcore.foundation.L",
            "lightgbm.*.*", "sentence_transformers.*.*", "*.__pyx_unpickle_*",
        ],
        never: &[
            "transformers.pipeline*", "transformers.*.from_pretrained", "transformers.*.exec*",
            "transformers.utils.*", "transformers.dynamic_module_utils.*",
            "transformers.agents.*", "transformers.tools.*",
            "keras.*.load_*", "keras.utils.*", "keras.src.utils.*", "keras.saving.*",
            "keras.src.saving.*", "keras.*.Lambda", "keras.layers.Lambda",
            "tensorflow.*.io.*", "tensorflow.io.*", "tensorflow.python.*", "tensorflow.load*",
            "sympy.parsing.*", "sympy.sympify", "sympy.core.sympify.*", "sympy.utilities.*",
            "nltk.data.*", "nltk.downloader.*", "nltk.app.*", "nltk.parse.*", "nltk.tag.*",
            "spacy.util.*", "spacy.cli.*", "gensim.utils.*", "gensim.downloader.*",
            "omegaconf.*.register*", "PIL.ImageShow.*", "PIL.ImageMath.*", "PIL.ImageGrab.*",
            "PIL.Image.open", "PIL.EpsImagePlugin.*", "ultralytics.utils.*", "pyarrow.*.open*",
            "networkx.readwrite.*", "networkx.drawing.*", "fastai.callback.*", "fastai.learner.*",
            "accelerate.*", "tpot.*.exec*", "deap.gp.compile*", "jax.*.pickle*",
        ],
    },
];

/// Whether a file of a known library does this when it is loaded. `module` is canonical.
pub fn expects(module: &str, name: &str, how: How) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    let Some(library) = LIBRARIES.iter().find(|library| library.roots.contains(&root)) else {
        return false;
    };
    let full = format!("{module}.{name}");
    let exact = library.calls.iter().any(|pattern| !pattern.contains('*') && *pattern == full);
    if exact && !library.never.contains(&full.as_str()) {
        return true;
    }
    if library.never.iter().any(|pattern| matches(pattern, &full)) {
        return false;
    }
    match how {
        How::Invoked => {
            library.calls.iter().any(|pattern| matches(pattern, &full)) && !goes_astray(name)
        }
        How::Made | How::Filled => {
            exact
                || (root != "builtins" && !goes_astray(name) && is_class_name(name))
                || library.calls.iter().any(|pattern| matches(pattern, &full))
        }
        How::Chained => false,
    }
}

/// Whether a library is known.
pub fn is_known(module: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    LIBRARIES.iter().any(|library| library.roots.contains(&root))
}

/// Whether the last part of a name looks like that of a class.
pub fn is_class_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).trim_start_matches('_');
    last.starts_with(|c: char| c.is_uppercase())
}

/// Whether a dotted name goes on into another module: no pickler writes that.
pub fn goes_astray(name: &str) -> bool {
    let mut parts = name.split('.').collect::<Vec<_>>();
    parts.pop();
    parts.iter().any(|part| !is_class_name(part) && *part != "<locals>")
        || name.split('.').any(|part| {
            part.starts_with("__") && part.ends_with("__") && part.len() > 4
        })
}

/// Matches a pattern in which `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    let mut parts = pattern.split('*').peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        if first {
            match rest.strip_prefix(part) {
                Some(after) => rest = after,
                None => return false,
            }
            if last {
                return rest.is_empty();
            }
        } else if last {
            return rest.ends_with(part);
        } else {
            match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        first = false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_whole_text() {
        assert!(matches("torch.nn.*", "torch.nn.Linear"));
        assert!(matches("a.*.c*", "a.b.cd") && !matches("a.*.c", "a.b.cd"));
        assert!(matches("x", "x") && !matches("x", "xy"));
    }

    #[test]
    fn real_files_of_libraries_are_expected() {
        assert!(expects("torch._utils", "_rebuild_tensor_v2", How::Invoked));
        assert!(expects("sklearn.svm._classes", "LinearSVC", How::Made));
        assert!(expects("numpy.core.multiarray", "_reconstruct", How::Invoked));
        assert!(expects("collections", "OrderedDict", How::Invoked));
        assert!(expects("builtins", "len", How::Invoked));
    }

    #[test]
    fn what_loads_or_runs_is_not() {
        assert!(!expects("torch", "load", How::Invoked));
        assert!(!expects("torch.hub", "dangerous", How::Invoked));
        assert!(!expects("numpy.f2py.crackfortran", "getlincoef", How::Invoked));
        assert!(!expects("logging", "FileHandler", How::Invoked));
        assert!(!expects("builtins", "eval", How::Invoked));
        assert!(!expects("collections", "abc.sys.modules", How::Invoked));
        assert!(!expects("os", "_wrap_close", How::Made));
    }
}
