//! Which tensors a block's experts are made of, by how a checkpoint stores them.

use super::description::ExpertLayout;
use crate::model::architecture::{Architecture, MlpNames};

/// One side of a shape, and what it is.
type Side = (i64, &'static str);

/// The whole names and the shapes of a block's experts and of their router; none where its MLP is a single one.
pub fn tensors(architecture: &Architecture, mlp: &MlpNames) -> Vec<(String, Vec<Side>)> {
    let (Some(about), MlpNames::Experts { router, experts }) = (&architecture.special.experts, mlp) else {
        return Vec::new();
    };
    let hidden = (architecture.hidden, "hidden size");
    let inner = (about.inner, "inner width of an expert");
    let both = (2 * about.inner, "2 × inner width of an expert");
    let count = (about.count, "experts");
    let mut list = vec![(format!("{router}.weight"), vec![count, hidden])];
    if about.biased {
        list.push((format!("{router}.bias"), vec![count]));
    }
    match about.layout {
        ExpertLayout::Each { gate, up, down } => {
            for number in 0..about.count {
                let mut matrix = |name: &str, shape: [Side; 2]| {
                    list.push((format!("{experts}.{number}.{name}.weight"), shape.to_vec()));
                };
                matrix(gate, [inner, hidden]);
                matrix(up, [inner, hidden]);
                matrix(down, [hidden, inner]);
            }
        }
        ExpertLayout::Together => {
            list.push((format!("{experts}.gate_up_proj"), vec![count, both, hidden]));
            list.push((format!("{experts}.down_proj"), vec![count, hidden, inner]));
        }
        ExpertLayout::TogetherInTurn => {
            list.push((format!("{experts}.gate_up_proj"), vec![count, hidden, both]));
            list.push((format!("{experts}.down_proj"), vec![count, inner, hidden]));
        }
    }
    if about.biased {
        list.push((format!("{experts}.gate_up_proj_bias"), vec![count, both]));
        list.push((format!("{experts}.down_proj_bias"), vec![count, hidden]));
    }
    list
}

/// The name of the down-projections of the experts below the name `experts`, with `{}` in place of an expert's number; where
/// one tensor holds all of them, its name.
pub fn down(layout: ExpertLayout, experts: &str) -> String {
    match layout {
        ExpertLayout::Each { down, .. } => format!("{experts}.{{}}.{down}.weight"),
        ExpertLayout::Together | ExpertLayout::TogetherInTurn => format!("{experts}.down_proj"),
    }
}

/// The architecture with its experts in the layout that is stored: transformers 5 can write them together, under names
/// of its own.
#[must_use]
pub fn as_stored(mut architecture: Architecture, is_stored: impl Fn(&str) -> bool) -> Architecture {
    let Some(about) = architecture.special.experts.as_mut() else { return architecture };
    if !matches!(about.layout, ExpertLayout::Each { .. }) {
        return architecture;
    }
    // Mixtral has its experts in `block_sparse_moe`, and in `mlp` once they are together
    let own = |name: &str| name.replace(".block_sparse_moe.", ".mlp.");
    let together = architecture.blocks.iter().find_map(|block| match &block.mlp {
        MlpNames::Experts { experts, .. } => Some(is_stored(&format!("{}.gate_up_proj", own(experts)))),
        MlpNames::One { .. } => None,
    });
    if together == Some(true) {
        about.layout = ExpertLayout::Together;
        for block in &mut architecture.blocks {
            if let MlpNames::Experts { router, experts } = &mut block.mlp {
                (*router, *experts) = (own(router), own(experts));
            }
        }
    }
    architecture
}
