//! What is measured: the models, and the least work that a minibatch of each is.
//!
//! A roofline is the greater of two times: the operations of the model's products by the peak of fused
//! multiply-adds, and the bytes that must move by the bandwidth. Products are dense, whatever zeros they meet. What
//! must move is the minibatch, once, from memory; each weight matrix that is updated, read and written once; and
//! each matrix once more for every further pass that no order of the work can save. An update of a matrix and the
//! next minibatch's first product with it are one pass where both go row by row or column by column.

/// Examples of the training split, and numbers to each.
pub const EXAMPLES: usize = 50_000;
pub const PIXELS: usize = 784;

/// The least that a minibatch costs.
#[derive(Clone, Copy)]
pub struct Work {
    /// Operations of the products, two for a multiplication with its addition.
    pub flops: usize,
    /// Numbers of the minibatch, which come from memory.
    pub data: usize,
    /// Weights that are read in further passes.
    pub reads: usize,
    /// Weights that are read, changed and written.
    pub updates: usize,
    /// Weights among which those passes go: the working set.
    pub weights: usize,
}

/// A row of the table.
pub struct Row {
    /// How the table names it.
    pub name: &'static str,
    /// The peers' program.
    pub peer: &'static str,
    /// The file in `models/`.
    pub file: &'static str,
    /// A text in its place, for what no `--set` makes of it.
    pub variant: Option<&'static str>,
    /// What `--set` says.
    pub set: &'static [(&'static str, &'static str)],
    /// The step, and which of its forms.
    pub step: (&'static str, usize),
    /// Examples to a minibatch.
    pub batch: usize,
    /// Minibatches that are timed together.
    pub chunk: usize,
    /// Minibatches before anything is timed.
    pub before: usize,
    /// The places that the peers start from: what they train, then what they only read.
    pub places: &'static [&'static str],
    /// Whether the first report is the figure that the peers compute, too.
    pub same_figure: bool,
    /// The least work.
    pub work: Work,
}

impl Row {
    /// The minibatch of the epoch that so many start at after `calls` of them.
    pub fn position(&self, calls: usize, count: usize) -> usize {
        let epoch = EXAMPLES / self.batch;
        let at = calls % epoch;
        if at + count <= epoch { at } else { 0 }
    }
}

/// Operations of `[m, k] @ [k, n]`.
const fn product(m: usize, k: usize, n: usize) -> usize {
    2 * m * k * n
}

/// Forward and gradient; the weights are small, and each example is read once for both.
const LOGISTIC_REGRESSION: Work = Work {
    flops: 2 * product(600, 784, 10),
    data: 600 * 784,
    reads: 0,
    updates: 784 * 10,
    weights: 784 * 10,
};

/// Below: forward and gradient. On top: the gradient by the hidden units too. A column below is updated and at once
/// used for the next minibatch.
const MLP: Work = Work {
    flops: 2 * product(20, 784, 500) + 3 * product(20, 500, 10),
    data: 20 * 784,
    reads: 0,
    updates: 784 * 500 + 500 * 10,
    weights: 784 * 500 + 500 * 10,
};

/// The first convolution needs no gradient by its input; all others are three products.
const LENET: Work = Work {
    flops: 2 * product(500 * 24 * 24, 25, 20)
        + 3 * product(500 * 8 * 8, 20 * 25, 50)
        + 3 * product(500, 800, 500)
        + 3 * product(500, 500, 10),
    data: 500 * 784,
    reads: 0,
    updates: 20 * 25 + 50 * 20 * 25 + 800 * 500 + 500 * 10,
    weights: 20 * 25 + 50 * 20 * 25 + 800 * 500 + 500 * 10,
};

/// Tied weights: two products forward, the gradient by the hidden units, two gradients by the weights. One pass
/// decodes and finds the gradient by the hidden units, one updates and encodes the next minibatch.
const fn autoencoder(batch: usize, visible: usize, hidden: usize) -> Work {
    let weights = visible * hidden;
    Work {
        flops: 5 * product(batch, visible, hidden),
        data: batch * 784,
        reads: weights,
        updates: weights,
        weights,
    }
}

/// An autoencoder of 1000 by 1000 over layers that are only read.
const fn above(below: usize) -> Work {
    let work = autoencoder(1, 1000, 1000);
    Work { flops: work.flops + 2 * below, reads: work.reads + below, weights: work.weights + below, ..work }
}

/// The first layer's update is one pass with the next example's product. The second's and third's forward pass
/// waits for the layer below to be updated; their gradient by the input is found in the pass that updates.
const FINE_TUNING: Work = Work {
    flops: 2 * product(1, 784, 1000) + 6 * product(1, 1000, 1000) + 3 * product(1, 1000, 10),
    data: 784,
    reads: 2 * 1000 * 1000,
    updates: 784 * 1000 + 2 * 1000 * 1000 + 1000 * 10,
    weights: 784 * 1000 + 2 * 1000 * 1000 + 1000 * 10,
};

/// 30 products of the chain, of which the last is the negative phase, too; the positive phase; two gradients. Each
/// product of the chain waits for the one before it, and the first is one pass with the last update.
const fn contrastive(more: usize) -> Work {
    Work {
        flops: (33 + more) * product(20, 784, 500),
        data: 20 * 784,
        reads: 29 * 784 * 500,
        updates: 784 * 500,
        weights: 784 * 500,
    }
}

const SDA: Row = Row {
    name: "",
    peer: "",
    file: "sda.dl",
    variant: None,
    set: &[],
    step: ("pretrain", 0),
    batch: 1,
    chunk: 500,
    before: 500,
    places: &[],
    same_figure: true,
    work: autoencoder(1, 784, 1000),
};

const RBM: Row = Row {
    name: "rbm",
    peer: "rbm",
    file: "rbm.dl",
    variant: None,
    set: &[],
    step: ("learn", 0),
    batch: 20,
    chunk: 50,
    before: 1000,
    places: &["rbm.W", "rbm.hbias", "rbm.vbias", "chain"],
    same_figure: false,
    // The pseudo-likelihood takes two free energies more.
    work: contrastive(2),
};

/// The table's rows.
pub const ROWS: &[Row] = &[
    Row {
        name: "logistic_regression",
        peer: "logistic_regression",
        file: "logistic_regression.dl",
        variant: None,
        set: &[],
        step: ("learn", 0),
        batch: 600,
        chunk: 83,
        before: 83,
        places: &["classifier.W", "classifier.b"],
        same_figure: true,
        work: LOGISTIC_REGRESSION,
    },
    Row {
        name: "mlp",
        peer: "mlp",
        file: "mlp.dl",
        variant: None,
        set: &[],
        step: ("learn", 0),
        batch: 20,
        chunk: 250,
        before: 2500,
        places: &["below.W", "below.b", "top.W", "top.b"],
        same_figure: true,
        work: MLP,
    },
    Row {
        name: "lenet",
        peer: "lenet",
        file: "lenet.dl",
        variant: None,
        set: &[],
        step: ("learn", 0),
        batch: 500,
        chunk: 2,
        before: 10,
        places: &[
            "lenet[1].W",
            "lenet[1].b",
            "lenet[2].W",
            "lenet[2].b",
            "lenet[4].W",
            "lenet[4].b",
            "lenet[5].W",
            "lenet[5].b",
        ],
        same_figure: true,
        work: LENET,
    },
    Row {
        name: "da",
        peer: "da",
        file: "da.dl",
        variant: None,
        set: &[("corruptions", "[0.3]")],
        step: ("trials[0].learn", 0),
        batch: 20,
        chunk: 250,
        before: 2500,
        places: &["trials[0].dae.W", "trials[0].dae.hbias", "trials[0].dae.vbias"],
        same_figure: true,
        work: autoencoder(20, 784, 500),
    },
    Row {
        name: "sda, layer 1",
        peer: "sda_1",
        places: &["hiddens[0].W", "hiddens[0].b", "daes[0].vbias"],
        ..SDA
    },
    Row {
        name: "sda, layer 2",
        peer: "sda_2",
        step: ("pretrain", 1),
        places: &["hiddens[1].W", "hiddens[1].b", "daes[1].vbias", "hiddens[0].W", "hiddens[0].b"],
        work: above(784 * 1000),
        ..SDA
    },
    Row {
        name: "sda, layer 3",
        peer: "sda_3",
        step: ("pretrain", 2),
        places: &[
            "hiddens[2].W",
            "hiddens[2].b",
            "daes[2].vbias",
            "hiddens[0].W",
            "hiddens[0].b",
            "hiddens[1].W",
            "hiddens[1].b",
        ],
        work: above(784 * 1000 + 1000 * 1000),
        ..SDA
    },
    Row {
        name: "sda, fine-tuning",
        peer: "sda_fine",
        step: ("learn", 0),
        places: &[
            "hiddens[0].W",
            "hiddens[0].b",
            "hiddens[1].W",
            "hiddens[1].b",
            "hiddens[2].W",
            "hiddens[2].b",
            "top.W",
            "top.b",
        ],
        work: FINE_TUNING,
        ..SDA
    },
    Row {
        name: "rbm, the peers' figure",
        variant: Some(include_str!("rbm_contrast.dl")),
        same_figure: true,
        work: contrastive(0),
        ..RBM
    },
    // After the one with the peers' figure, as the peers go on.
    RBM,
];
