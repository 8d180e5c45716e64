//! Convolution and pooling from the language to gradients: recorded values, central differences,
//! messages, and the first minibatches of LeNet.

mod numeric;

#[path = "suite/conv/gradients.rs"]
mod gradients;
#[path = "suite/conv/interp.rs"]
mod interp;
#[path = "suite/conv/lenet.rs"]
mod lenet;
#[path = "suite/conv/messages.rs"]
mod messages;
#[path = "suite/conv/programs.rs"]
mod programs;
#[path = "suite/conv/values.rs"]
mod values;
