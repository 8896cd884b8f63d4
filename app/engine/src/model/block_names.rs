//! Names of the tensors of one block.

use std::fmt;

/// Names of the tensors of one block; `None` where the family has none.
#[derive(Clone)]
pub struct BlockNames {
    /// Norm before attention; `None` where attention reads the stream as it is (OLMo 2).
    pub attention_norm: Option<String>,
    /// Norm of the queries, after their projection and before they rotate (Qwen 3).
    pub query_norm: Option<String>,
    /// Norm of the keys, likewise.
    pub key_norm: Option<String>,
    /// The whole name of a logit for each head that takes part in the softmax and stands for no token (gpt-oss).
    pub sinks: Option<String>,
    /// Norm between attention's output and the residual stream (Gemma 2).
    pub attention_output_norm: Option<String>,
    /// Norm before the MLP; `None` where attention's is shared, or where there is none (OLMo 2).
    pub mlp_norm: Option<String>,
    /// Norm between the MLP's output and the residual stream (Gemma 2).
    pub mlp_output_norm: Option<String>,
    /// Norm of the residual stream after attention has written to it (OPT-350m).
    pub attention_sum_norm: Option<String>,
    /// Norm of the residual stream after the MLP has written to it: what the block gives on (OPT-350m).
    pub mlp_sum_norm: Option<String>,
    /// Query, key and value projections.
    pub queries_keys_values: QueryKeyValueNames,
    /// Output projection of attention.
    pub attention_output: String,
    pub mlp: MlpNames,
}

/// How a checkpoint stores the MLP of a block.
#[derive(Clone, Debug)]
pub enum MlpNames {
    /// A single MLP, not a set of experts.
    One {
        /// Up-projection (of a gated MLP: the branch without activation). Where `Special::gate_with_up` says so, its first
        /// half is the gate.
        up: String,
        /// Gate of a gated MLP that is stored by itself.
        gate: Option<String>,
        /// Down-projection, the matrix that editing methods change.
        down: String,
    },
    /// Several, of which each token takes some; what they are is in `Special::experts`.
    Experts {
        /// The matrix whose products with a token say which experts it takes.
        router: String,
        /// What the names of all experts' tensors begin with, without the point.
        experts: String,
    },
}

impl MlpNames {
    /// The down-projection of a single MLP, the part of all names of experts otherwise.
    pub fn module(&self) -> &str {
        match self {
            Self::One { down, .. } => down,
            Self::Experts { experts, .. } => experts,
        }
    }

    /// Whether what is changed by a change of `parameter` is made from the key, or by experts, and of nothing before.
    pub fn ends_with(&self, parameter: &str) -> bool {
        let rest_after = |module: &str| parameter.strip_prefix(module).filter(|rest| rest.starts_with('.'));
        match self {
            Self::One { down, .. } => rest_after(down).is_some_and(|rest| rest == ".weight" || rest == ".bias"),
            Self::Experts { router, experts } => rest_after(router).or(rest_after(experts)).is_some(),
        }
    }
}

/// How a checkpoint stores the projections of attention.
#[derive(Clone, Debug)]
pub enum QueryKeyValueNames {
    /// Separate matrices for queries, keys and values.
    Separate([String; 3]),
    /// One matrix: all queries, then all keys, then all values (GPT-2, Phi-3).
    Stacked(String),
    /// One matrix: per key-value head its queries, its key and its value (GPT-NeoX, Falcon).
    PerHead(String),
}

impl BlockNames {
    /// The names that Llama and most families after it use, below `model.layers.N`.
    pub fn of_llama(layer: usize) -> Self {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        Self {
            attention_norm: Some(at("input_layernorm")),
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            mlp_norm: Some(at("post_attention_layernorm")),
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.o_proj"),
            mlp: MlpNames::One { up: at("mlp.up_proj"), gate: Some(at("mlp.gate_proj")), down: at("mlp.down_proj") },
        }
    }

    /// The same with experts in place of the one MLP, by their names in the block.
    pub fn with_experts(self, layer: usize, router: &str, experts: &str) -> Self {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        Self { mlp: MlpNames::Experts { router: at(router), experts: at(experts) }, ..self }
    }

    /// The down-projection of the MLP; `None` where there are several.
    pub fn down(&self) -> Option<&str> {
        match &self.mlp {
            MlpNames::One { down, .. } => Some(down),
            MlpNames::Experts { .. } => None,
        }
    }

    /// Whether the MLP is a set of experts.
    pub fn has_experts(&self) -> bool {
        self.down().is_none()
    }

    /// The same with norms of queries and keys, by the names of Qwen 3.
    pub fn with_query_key_norms(self, layer: usize) -> Self {
        let at = |name: &str| Some(format!("model.layers.{layer}.self_attn.{name}"));
        Self { query_norm: at("q_norm"), key_norm: at("k_norm"), ..self }
    }

    /// The same with norms before and after attention and MLP, by the names of Gemma 2.
    pub fn with_norms_around(self, layer: usize) -> Self {
        let at = |name: &str| Some(format!("model.layers.{layer}.{name}"));
        Self {
            attention_output_norm: at("post_attention_layernorm"),
            mlp_norm: at("pre_feedforward_layernorm"),
            mlp_output_norm: at("post_feedforward_layernorm"),
            ..self
        }
    }

    /// All matrices that the block multiplies with, but for those of experts.
    pub fn projections(&self) -> impl Iterator<Item = &String> {
        let attention = match &self.queries_keys_values {
            QueryKeyValueNames::Separate(three) => three.as_slice(),
            QueryKeyValueNames::Stacked(one) | QueryKeyValueNames::PerHead(one) => std::slice::from_ref(one),
        };
        let mlp = match &self.mlp {
            MlpNames::One { up, gate, down } => [Some(up), Some(down), gate.as_ref()],
            MlpNames::Experts { .. } => [None; 3],
        };
        attention.iter().chain([&self.attention_output]).chain(mlp.into_iter().flatten())
    }

    /// All names, by `change`.
    pub fn renamed(self, change: impl Fn(String) -> String) -> Self {
        let optional = |name: Option<String>| name.map(&change);
        Self {
            attention_norm: optional(self.attention_norm),
            query_norm: optional(self.query_norm),
            key_norm: optional(self.key_norm),
            sinks: optional(self.sinks),
            attention_output_norm: optional(self.attention_output_norm),
            mlp_norm: optional(self.mlp_norm),
            mlp_output_norm: optional(self.mlp_output_norm),
            attention_sum_norm: optional(self.attention_sum_norm),
            mlp_sum_norm: optional(self.mlp_sum_norm),
            queries_keys_values: match self.queries_keys_values {
                QueryKeyValueNames::Separate(three) => QueryKeyValueNames::Separate(three.map(&change)),
                QueryKeyValueNames::Stacked(one) => QueryKeyValueNames::Stacked(change(one)),
                QueryKeyValueNames::PerHead(one) => QueryKeyValueNames::PerHead(change(one)),
            },
            attention_output: change(self.attention_output),
            mlp: match self.mlp {
                MlpNames::One { up, gate, down } => {
                    MlpNames::One { up: change(up), gate: gate.map(&change), down: change(down) }
                }
                MlpNames::Experts { router, experts } => {
                    MlpNames::Experts { router: change(router), experts: change(experts) }
                }
            },
        }
    }
}

/// A part of [`Architecture::signature`](super::Architecture::signature), which must not change: what came later is shown
/// only where it is there, and a norm that once was always there is shown as it was.
impl fmt::Debug for BlockNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("BlockNames");
        match &self.attention_norm {
            Some(name) => shown.field("attention_norm", name),
            None => shown.field("attention_norm", &self.attention_norm),
        };
        shown
            .field("attention_output_norm", &self.attention_output_norm)
            .field("mlp_norm", &self.mlp_norm)
            .field("mlp_output_norm", &self.mlp_output_norm)
            .field("queries_keys_values", &self.queries_keys_values)
            .field("attention_output", &self.attention_output);
        match &self.mlp {
            MlpNames::One { up, gate, down } => shown.field("up", up).field("gate", gate).field("down", down),
            MlpNames::Experts { router, experts } => shown.field("router", router).field("experts", experts),
        };
        for (field, name) in [
            ("query_norm", &self.query_norm),
            ("key_norm", &self.key_norm),
            ("sinks", &self.sinks),
            ("attention_sum_norm", &self.attention_sum_norm),
            ("mlp_sum_norm", &self.mlp_sum_norm),
        ] {
            if name.is_some() {
                shown.field(field, name);
            }
        }
        shown.finish()
    }
}
