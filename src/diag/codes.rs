//! The list of all codes. Each has a section in `docs/errors.md` and a golden test in
//! `tests/errors/`; a tidy test holds the three together.

/// The kind of a message: a stable identifier that scripts may match and `docs/errors.md` explains.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `DL` and four digits.
    pub id: &'static str,
    /// What the kind is about, in a few words.
    pub about: &'static str,
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

macro_rules! codes {
    ($($name:ident $id:literal $about:literal)*) => {
        $(#[doc = $about] pub const $name: Code = Code { id: $id, about: $about };)*
        /// Every code, in order.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    // Text
    SYNTAX            "DL0101" "the text does not follow the grammar"
    NESTING           "DL0102" "brackets nested too deeply"
    MATMUL_CHAIN      "DL0103" "`@` after an unparenthesised `*`, `/`, `//` or `%`"
    UNREADABLE        "DL0104" "a source file cannot be read"
    // Names and modules
    UNKNOWN_NAME      "DL0201" "a name that is not defined above its use"
    UNKNOWN_FIELD     "DL0202" "a field that the value does not have"
    UNKNOWN_ARGUMENT  "DL0203" "an argument that the function does not take, or lacks, or is given twice"
    UNKNOWN_HYPER     "DL0204" "`--set` names no hyper-parameter of the program"
    UNKNOWN_MODULE    "DL0205" "a module that is not there, or does not define what is taken from it"
    IMPORT_CYCLE      "DL0206" "modules that use each other in a circle"
    ALREADY_DEFINED   "DL0207" "a name bound twice in one block"
    HIDES_PLACE       "DL0208" "`=` where a param or state of that name exists"
    RECURSION         "DL0209" "a function that calls itself"
    // Shapes and dimensions
    MATMUL_SHAPE      "DL0301" "a matrix product that does not fit"
    DIMENSION_NAME    "DL0302" "two dimensions of equal extent and different names"
    LAYER_INPUT       "DL0303" "a layer or function given a tensor of another size"
    BROADCAST         "DL0304" "shapes that do not broadcast"
    SHAPE             "DL0305" "an operation that the shape does not allow"
    AXIS              "DL0306" "an axis that is not there or not unique"
    INDEX             "DL0307" "an index or slice outside its axis"
    // Kinds and worlds
    DISTRIBUTION      "DL0401" "a distribution used as a value"
    RUNTIME_IF        "DL0402" "a condition that is not known before the run"
    KIND              "DL0403" "a value of the wrong kind"
    DTYPE             "DL0404" "an element type that the operation does not take"
    WORLD             "DL0405" "a construct in a world where it cannot stand"
    ASSERT            "DL0406" "an assertion that does not hold"
    HYPER_VALUE       "DL0407" "a `--set` value of another type than the hyper-parameter"
    NUMBER            "DL0408" "compile-time arithmetic without a result"
    TOO_LARGE         "DL0409" "a program or value beyond what can be evaluated"
    // Effects
    CHANGED_TWICE     "DL0501" "a place changed twice in one step"
    UPDATE_OUTSIDE    "DL0502" "a change of a place where none may happen"
    UNUSED_RESULT     "DL0503" "a pure function called as a statement"
    SCAN_CARRY        "DL0504" "a scan whose carried value changes its shape"
    // Derivatives
    NO_PATH           "DL0601" "a cost that does not depend on what it is differentiated by"
    GRAD_SCALAR       "DL0602" "a gradient of something that is not a scalar, or by something that is not a place or value"
    // Data and files
    DATA_SHAPE        "DL0701" "a file that holds another shape than declared"
    DATA_FORMAT       "DL0702" "a file that is not what it should be"
    DATA_FILE         "DL0703" "a file that cannot be read"
    DATA_REFUSED      "DL0704" "a pickle that asks for more than arrays and plain containers"
    DATA_VALUE        "DL0705" "a value in a file that its declaration does not allow"
    OUTPUT            "DL0706" "a file that cannot be written"
    // The run
    NON_FINITE        "DL0801" "a value became infinite or not a number"
    INDEX_AT_RUN      "DL0802" "an index out of range while running"
    INTERRUPTED       "DL0803" "the run was interrupted"
    ASSERT_AT_RUN     "DL0804" "an assertion of the schedule does not hold"
    OTHER_RUN         "DL0805" "a checkpoint of another program or other settings"
    CHECKPOINT        "DL0806" "a checkpoint that is not there or damaged"
    NO_ISA            "DL0807" "instructions asked for that the machine does not have"
    // Not there yet
    NOT_BUILT         "DL0901" "a construct that the compiler does not carry out yet"
    // Warnings
    LATE_READ         "DL1001" "a place read below its own change"
    UNCHANGED_PARAM   "DL1002" "a param that no step changes"
    HIDES_BUILTIN     "DL1003" "a name of one's own that hides a built-in"
    HIDES_NAME        "DL1004" "a definition that hides an outer name"
}
