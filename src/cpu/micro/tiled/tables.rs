//! What each instruction set defines alike: its tables of register tiles and its routines.

/// Defines `F32` and `F64`, the products of an instruction set, from its registers and its tiles: rows
/// and vectors of the products with the outputs as lanes, rows and columns of those with the terms. So many bytes of an
/// operand are near: they stay in the first cache of the machines that have it while others go by.
macro_rules! products {
    ($features:literal, near $near:expr;
     f32: $single:ty, lanes [$($lanes_f32:tt),* $(,)?], dot of $parts_f32:literal [$($dot_f32:tt),* $(,)?];
     f64: $double:ty, lanes [$($lanes_f64:tt),* $(,)?], dot of $parts_f64:literal [$($dot_f64:tt),* $(,)?];
    ) => {
        products!(@one F32, f32, $single, $near, $parts_f32, [$($lanes_f32)*], [$($dot_f32)*]);
        products!(@one F64, f64, $double, $near, $parts_f64, [$($lanes_f64)*], [$($dot_f64)*]);

        #[target_feature(enable = $features)]
        unsafe fn lanes_tiles<V, const M: usize, const N: usize, const TABLES: bool, const MASKED: bool>(
            run: &super::lanes::Run<V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::lanes::tiles::<V, M, N, TABLES, MASKED>(run) }
        }

        #[target_feature(enable = $features)]
        unsafe fn thin_rows<V, const TERMS: usize, const N: usize, const MASKED: bool>(
            run: &super::lanes::Run<V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::lanes::thin::<V, TERMS, N, MASKED>(run) }
        }

        #[target_feature(enable = $features)]
        unsafe fn sparse_rows<V, const N: usize, const MASKED: bool>(
            run: &super::sparse::Run<'_, V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::sparse::rows::<V, N, MASKED>(run) }
        }

        #[target_feature(enable = $features)]
        unsafe fn sparse_marks<V: super::register::Register>(
            args: &crate::cpu::micro::Lanes<V::Element>,
            known: &mut crate::cpu::micro::Known,
        ) {
            // SAFETY: as of this function.
            unsafe { super::sparse::marks::<V>(args, known) }
        }

        #[target_feature(enable = $features)]
        unsafe fn sparse_ends<V: super::register::Register>(args: &crate::cpu::micro::Lanes<V::Element>) {
            // SAFETY: as of this function.
            unsafe { super::sparse::ends::<V>(args) }
        }

        #[target_feature(enable = $features)]
        unsafe fn dot_tiles<V, const PARTS: usize, const M: usize, const N: usize>(
            run: &super::dot::Run<V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::dot::tiles::<V, PARTS, M, N>(run) }
        }

        #[target_feature(enable = $features)]
        unsafe fn pass_down<V, const N: usize, const MASKED: bool>(pass: &super::pass::Pass<V::Element>)
        where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::pass::down::<V, N, MASKED>(pass) }
        }

        #[target_feature(enable = $features)]
        unsafe fn pass_along<V, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
            sums: &crate::cpu::micro::Dot<V::Element>,
            update: &crate::cpu::micro::Lanes<V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::pass::along::<V, PARTS, STEPS, MASKED>(sums, update) }
        }

        #[target_feature(enable = $features)]
        unsafe fn dot_short<V, const PARTS: usize, const STEPS: usize, const MASKED: bool>(
            args: &crate::cpu::micro::Dot<V::Element>,
        ) where
            V: super::register::Register,
        {
            // SAFETY: as of this function.
            unsafe { super::dot::short::<V, PARTS, STEPS, MASKED>(args) }
        }
    };
    (@one $name:ident, $t:ty, $v:ty, $near:expr, $parts:literal,
     [$(($m:literal, $n:literal))*], [$(($dot_m:literal, $dot_n:literal))*]) => {
        /// See [`Products`](crate::cpu::micro::Products).
        pub(in crate::cpu::micro) const $name: crate::cpu::micro::Products<$t> = {
            static LANES: super::plan::Table<super::lanes::Kernel<$t>> = super::plan::Table {
                sizes: super::plan::Sizes::new(&[$(($m, $n)),*], 1, [0; 2]),
                kernels: &[$([
                    [lanes_tiles::<$v, $m, $n, false, false>, lanes_tiles::<$v, $m, $n, false, true>],
                    [lanes_tiles::<$v, $m, $n, true, false>, lanes_tiles::<$v, $m, $n, true, true>],
                ]),*],
            };
            static FEW: super::lanes::Few<$t> = [
                &[
                    products!(@thin $v, 1, 1), products!(@thin $v, 1, 2), products!(@thin $v, 1, 3),
                    products!(@thin $v, 1, 4), products!(@thin $v, 1, 5), products!(@thin $v, 1, 6),
                    products!(@thin $v, 1, 7), products!(@thin $v, 1, 8),
                ],
                &[products!(@thin $v, 2, 1), products!(@thin $v, 2, 2), products!(@thin $v, 2, 4)],
            ];
            static SPARSE: super::sparse::Sparse<$t> = super::sparse::Sparse {
                rows: &[
                    products!(@rows $v, 1), products!(@rows $v, 2), products!(@rows $v, 4), products!(@rows $v, 7),
                    products!(@rows $v, 8),
                ],
                marks: sparse_marks::<$v>,
                ends: sparse_ends::<$v>,
            };
            static DOT: super::plan::Table<super::dot::Kernel<$t>> = super::plan::Table {
                sizes: super::plan::Sizes::new(&[$(($dot_m, $dot_n)),*], $parts, super::dot::TREES),
                kernels: &[$(dot_tiles::<$v, $parts, $dot_m, $dot_n>),*],
            };

            static SHORT: super::dot::Short<$t> = products!(@lengths dot_short, $v, $parts);

            static DOWN: [super::pass::Down<$t>; 8] = [
                products!(@down $v, 1), products!(@down $v, 2), products!(@down $v, 3), products!(@down $v, 4),
                products!(@down $v, 5), products!(@down $v, 6), products!(@down $v, 7), products!(@down $v, 8),
            ];
            static ALONG: super::pass::Along<$t> = products!(@lengths pass_along, $v, $parts);

            unsafe extern "C" fn lanes(args: *const crate::cpu::micro::Lanes<$t>) {
                let width = <$v as super::register::Register>::LANES;
                // SAFETY: the caller has the instruction set, and operands that hold what is reached.
                unsafe { super::lanes::product(&*args, width, &LANES, &FEW) }
            }

            unsafe extern "C" fn sparse(args: *const crate::cpu::micro::Lanes<$t>) {
                let width = <$v as super::register::Register>::LANES;
                // SAFETY: the caller has the instruction set, and operands that hold what is reached.
                unsafe { super::sparse::product(&*args, width, (&LANES, &FEW), &SPARSE) }
            }

            unsafe extern "C" fn marks(
                a: *const $t,
                row: i64,
                rows: i64,
                terms: i64,
                known: *mut crate::cpu::micro::Known,
                across: i64,
            ) {
                // SAFETY: the caller has the instruction set, the matrix, and room for its blocks.
                unsafe { super::sparse::mark(SPARSE.marks, (a, row), [rows, terms], (known, across)) }
            }

            unsafe extern "C" fn dot(args: *const crate::cpu::micro::Dot<$t>) {
                // SAFETY: the caller has the instruction set, and operands that hold what is reached.
                unsafe { super::dot::product(&*args, (&DOT, &SHORT), $near) }
            }

            unsafe extern "C" fn lanes_update(
                sum: *const crate::cpu::micro::Lanes<$t>,
                update: *const crate::cpu::micro::Lanes<$t>,
            ) {
                let width = <$v as super::register::Register>::LANES;
                // SAFETY: the caller has the instruction set, and operands that hold what is reached.
                unsafe { super::pass::lanes(&*sum, &*update, width, &DOWN, (&LANES, &FEW)) }
            }

            unsafe extern "C" fn dot_update(
                sums: *const crate::cpu::micro::Dot<$t>,
                update: *const crate::cpu::micro::Lanes<$t>,
            ) {
                let width = <$v as super::register::Register>::LANES;
                // SAFETY: the caller has the instruction set, and operands that hold what is reached.
                unsafe { super::pass::dot(&*sums, &*update, width, &ALONG, (&DOT, &SHORT, $near), (&LANES, &FEW)) }
            }

            crate::cpu::micro::Products { lanes, sparse, marks: Some(marks), dot, lanes_update, dot_update }
        };
    };
    (@lengths $code:ident, $v:ty, $parts:literal) => {
        products!(@lengths $code, $v, $parts, 1 2 3 4 5 6 7 8)
    };
    (@lengths $code:ident, $v:ty, $parts:literal, $($steps:literal)*) => {
        [$([$code::<$v, $parts, $steps, false>, $code::<$v, $parts, $steps, true>]),*]
    };
    (@down $v:ty, $n:literal) => {
        super::pass::Down {
            vectors: $n,
            run: [pass_down::<$v, $n, false>, pass_down::<$v, $n, true>],
        }
    };
    (@rows $v:ty, $n:literal) => {
        super::sparse::Rows {
            vectors: $n,
            run: [sparse_rows::<$v, $n, false>, sparse_rows::<$v, $n, true>],
        }
    };
    (@thin $v:ty, $terms:literal, $n:literal) => {
        super::lanes::Thin {
            vectors: $n,
            run: [thin_rows::<$v, $terms, $n, false>, thin_rows::<$v, $terms, $n, true>],
        }
    };
}
