//! Tables of register tiles. They expand to the `lanes_tiles` and `dot_tiles` that stand beside them,
//! functions compiled for the instruction set.

/// Tiles of [`super::lanes`]: rows, vectors.
macro_rules! lanes_kernels {
    ($v:ty; $(($rows:literal, $vectors:literal)),* $(,)?) => {
        [$($crate::cpu::micro::lanes::Kernel {
            rows: $rows,
            vectors: $vectors,
            run: [
                [lanes_tiles::<$v, $rows, $vectors, false, false>, lanes_tiles::<$v, $rows, $vectors, false, true>],
                [lanes_tiles::<$v, $rows, $vectors, true, false>, lanes_tiles::<$v, $rows, $vectors, true, true>],
            ],
        }),*]
    };
}

/// Tiles of [`super::dot`] whose sums take so many registers: rows, columns.
macro_rules! dot_kernels {
    ($v:ty, $parts:literal; $(($rows:literal, $columns:literal)),* $(,)?) => {
        [$($crate::cpu::micro::dot::Kernel {
            rows: $rows,
            columns: $columns,
            run: dot_tiles::<$v, $parts, $rows, $columns>,
        }),*]
    };
}
