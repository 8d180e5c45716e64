//! What each instruction set defines alike: its tables of register tiles and its routines.

/// Defines `F32` and `F64`, the products of an instruction set, from its registers and its tiles: rows
/// and vectors of the products with the outputs as lanes, rows and columns of those with the terms.
macro_rules! products {
    ($features:literal;
     f32: $single:ty, lanes [$($lanes_f32:tt),* $(,)?], dot of $parts_f32:literal [$($dot_f32:tt),* $(,)?];
     f64: $double:ty, lanes [$($lanes_f64:tt),* $(,)?], dot of $parts_f64:literal [$($dot_f64:tt),* $(,)?];
    ) => {
        products!(@one F32, f32, $single, $parts_f32, [$($lanes_f32)*], [$($dot_f32)*]);
        products!(@one F64, f64, $double, $parts_f64, [$($lanes_f64)*], [$($dot_f64)*]);

        #[target_feature(enable = $features)]
        unsafe fn lanes_tiles<V, const ROWS: usize, const VECTORS: usize, const TABLES: bool, const MASKED: bool>(
            run: &$crate::cpu::micro::tiled::lanes::Run<V::Element>,
        ) where
            V: $crate::cpu::micro::tiled::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { $crate::cpu::micro::tiled::lanes::tiles::<V, ROWS, VECTORS, TABLES, MASKED>(run) }
        }

        #[target_feature(enable = $features)]
        unsafe fn dot_tiles<V, const PARTS: usize, const ROWS: usize, const COLUMNS: usize>(
            run: &$crate::cpu::micro::tiled::dot::Run<V::Element>,
        ) where
            V: $crate::cpu::micro::tiled::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { $crate::cpu::micro::tiled::dot::tiles::<V, PARTS, ROWS, COLUMNS>(run) }
        }
    };
    (@one $name:ident, $t:ty, $v:ty, $parts:literal, [$(($rows:literal, $vectors:literal))*], [$(($dot_rows:literal, $columns:literal))*]) => {
        const _: () = assert!($crate::cpu::micro::tiled::plan::is_complete(&[$(($rows, $vectors)),*]));
        const _: () = assert!($crate::cpu::micro::tiled::plan::is_complete(&[$(($dot_rows, $columns)),*]));

        /// See [`Products`](crate::cpu::micro::Products).
        pub(in crate::cpu::micro) const $name: $crate::cpu::micro::Products<$t> = {
            static LANES: &[$crate::cpu::micro::tiled::lanes::Kernel<$t>] = &[$($crate::cpu::micro::tiled::lanes::Kernel {
                rows: $rows,
                vectors: $vectors,
                run: [
                    [lanes_tiles::<$v, $rows, $vectors, false, false>, lanes_tiles::<$v, $rows, $vectors, false, true>],
                    [lanes_tiles::<$v, $rows, $vectors, true, false>, lanes_tiles::<$v, $rows, $vectors, true, true>],
                ],
            }),*];
            static DOT: &[$crate::cpu::micro::tiled::dot::Kernel<$t>] = &[$($crate::cpu::micro::tiled::dot::Kernel {
                rows: $dot_rows,
                columns: $columns,
                run: dot_tiles::<$v, $parts, $dot_rows, $columns>,
            }),*];

            unsafe extern "C" fn lanes(args: *const $crate::cpu::micro::Lanes<$t>) {
                let width = <$v as $crate::cpu::micro::tiled::register::Register>::LANES;
                // SAFETY: the caller has the instruction set, and operands that hold all that the indices reach.
                unsafe { $crate::cpu::micro::tiled::lanes::product(&*args, width, LANES) }
            }

            unsafe extern "C" fn dot(args: *const $crate::cpu::micro::Dot<$t>) {
                // SAFETY: the caller has the instruction set, and operands that hold all that the indices reach.
                unsafe { $crate::cpu::micro::tiled::dot::product(&*args, $parts, DOT) }
            }

            $crate::cpu::micro::Products { lanes, dot }
        };
    };
}
