//! Rotary positions as `config.json` describes them: the older `rope_theta` and `rope_scaling` (with the key `type` or
//! `rope_type`), and `rope_parameters`, which holds everything.

use super::Fields;
use super::kinds::KINDS;
use crate::model::rotary::{Beyond, Rotary, Scaling, Stretch, Yarn};
use serde_json::Value;

/// The base of most families where the file names none.
pub const THETA: f64 = 10_000.0;

/// How a family stores its rotary positions.
pub struct Rope {
    /// The outer field of the base, and what it is where the file names none.
    pub theta: (&'static str, f64),
    /// Other names of the kind `longrope`, of older files.
    pub longrope_too: &'static [&'static str],
    /// Which channels of a head rotate.
    pub share: Share,
    /// Channels of a head.
    pub head_width: i64,
    /// The context that the model promises, in tokens.
    pub context: i64,
}

/// Which channels of a head rotate.
pub enum Share {
    Whole,
    /// The share in field `partial_rotary_factor`, or in an outer field of another name.
    Part {
        /// Name of the field outside of `rope_scaling`.
        outer: &'static str,
        /// The published default.
        default: f64,
        /// Whether an odd number of channels rotates, together with the next one.
        odd: bool,
    },
}

/// The older field, where it says something.
fn older<'a>(config: &Fields<'a>) -> Result<Option<Fields<'a>>, String> {
    Ok(config.inside("rope_scaling")?.filter(|fields| !fields.is_empty()))
}

impl Rope {
    /// Rotary positions as most families have them: all channels of a head rotate, with the base in `rope_theta`.
    pub fn whole(head_width: i64, context: i64) -> Self {
        Self { theta: ("rope_theta", THETA), longrope_too: &[], share: Share::Whole, head_width, context }
    }

    /// The rotary positions of a file, and how many positions they hold for.
    ///
    /// # Errors
    /// A field that is mistyped or asks for what cannot be computed, by name.
    pub fn read(&self, config: &Fields<'_>) -> Result<(Rotary, i64), String> {
        let (older, newer) = (older(config)?, config.inside("rope_parameters")?);
        if older.is_some() && newer.is_some() && config.get("rope_scaling") != config.get("rope_parameters") {
            return Err("fields `rope_scaling` and `rope_parameters` differ; leave one of them out".to_owned());
        }
        self.described(config, older.or(newer), self.theta)
    }

    /// The rotary positions of layers that see everything and of those that see a window, and how many positions both
    /// hold for. Newer files nest them in `rope_parameters` by the kind of the layer; in older ones `rope_scaling` and the
    /// base are those of layers that see everything, and `windows` is the outer field of the others' base.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn read_by_kind(
        &self,
        config: &Fields<'_>,
        windows: (&'static str, f64),
    ) -> Result<(Rotary, Rotary, i64), String> {
        let (older, newer) = (older(config)?, config.inside("rope_parameters")?);
        let nested = |kind: &str| newer.as_ref().map_or(Ok(None), |newer| newer.inside(kind));
        let [whole, sliding] = KINDS.map(nested);
        let (whole, sliding) = (whole?, sliding?);
        if let Some(newer) = &newer {
            newer.nothing_else("`rope_parameters` by the kind of the layer")?;
        }
        if older.is_some() && whole.is_some() {
            let message = "fields `rope_scaling` and `rope_parameters.full_attention` are both there";
            return Err(format!("{message}; leave one of them out"));
        }
        let (whole, context) = self.described(config, older.or(whole), self.theta)?;
        let (sliding, other) = self.described(config, sliding, windows)?;
        Ok((whole, sliding, context.min(other)))
    }

    /// What the fields `inner` describe; the base may lie outside.
    fn described(
        &self,
        config: &Fields<'_>,
        inner: Option<Fields<'_>>,
        (theta, default): (&str, f64),
    ) -> Result<(Rotary, i64), String> {
        let empty = Value::Object(serde_json::Map::new());
        let inner = inner.map_or_else(|| Fields::new(&empty), Ok)?;
        // the outer ones are defaults of the inner ones
        let theta = if theta.is_empty() { default } else { config.number(theta, default)? };
        let base = inner.number("rope_theta", theta)?;
        let dimensions = self.dimensions(config, &inner)?;
        let kind = match (inner.text("rope_type")?, inner.text("type")?) {
            (Some(kind), Some(older)) if kind != older => {
                return Err(format!(
                    "the kinds of rotary scaling `{kind}` and `{older}` differ; leave one of them out"
                ));
            }
            (Some(kind), _) | (None, Some(kind)) => kind,
            (None, None) => "default",
        };
        let kind = if self.longrope_too.contains(&kind) { "longrope" } else { kind };
        let (scaling, context) = self.scaling(kind, config, &inner, dimensions, base)?;
        inner.nothing_else(&format!("rotary scaling `{kind}`"))?;
        Ok((Rotary { dimensions, base, interleaved: false, scaling }, context))
    }

    fn dimensions(&self, config: &Fields<'_>, inner: &Fields<'_>) -> Result<i64, String> {
        let (name, share, odd) = match self.share {
            Share::Whole => {
                for fields in [config, inner] {
                    if fields.number("partial_rotary_factor", 1.0)? != 1.0 {
                        let given = fields.get("partial_rotary_factor").unwrap_or(&Value::Null);
                        return Err(fields.refusal(
                            "partial_rotary_factor",
                            given,
                            "this architecture rotates all channels of a head; other shares are not supported",
                        ));
                    }
                }
                ("head_dim", 1.0, false)
            }
            Share::Part { outer, default, odd } => {
                (outer, inner.number("partial_rotary_factor", config.number(outer, default)?)?, odd)
            }
        };
        let dimensions = (self.head_width as f64 * share) as i64;
        if dimensions < 1 || share > 1.0 || (dimensions % 2 == 1 && (!odd || dimensions == self.head_width)) {
            return Err(format!(
                "field `{name}` lets {dimensions} of the {} channels of a head rotate, which do not make pairs; copy the \
                 field from the checkpoint",
                self.head_width
            ));
        }
        Ok(dimensions)
    }

    fn scaling(
        &self,
        kind: &str,
        config: &Fields<'_>,
        inner: &Fields<'_>,
        dimensions: i64,
        base: f64,
    ) -> Result<(Scaling, i64), String> {
        // the outer field wins over the inner one, and the whole context stands in for both
        let original = || -> Result<i64, String> {
            let name = "original_max_position_embeddings";
            let inner = inner.optional_integer(name, Fields::POSITIONS)?;
            Ok(config.optional_integer(name, Fields::POSITIONS)?.or(inner).unwrap_or(self.context))
        };
        Ok(match kind {
            "default" => (Scaling::Plain, self.context),
            "linear" => (Scaling::Linear(inner.needed_number("factor")?), self.context),
            // it changes nothing within the context, beyond which no prompt is taken
            "dynamic" => {
                inner.needed_number("factor")?;
                (Scaling::Plain, self.context)
            }
            "llama3" => {
                let stretch = Stretch {
                    factor: inner.needed_number("factor")?,
                    low: inner.needed_number("low_freq_factor")?,
                    high: inner.needed_number("high_freq_factor")?,
                    original_context: original()? as f64,
                };
                if stretch.high <= stretch.low {
                    let message = "`high_freq_factor` must be greater than `low_freq_factor`";
                    return Err(format!("rotary scaling `llama3`: {message}"));
                }
                (Scaling::Llama3(stretch), self.context)
            }
            "yarn" => (Scaling::Yarn(self.yarn(inner, original()?, base)?), self.context),
            "longrope" => {
                let original = original()?;
                if original < self.context {
                    config.tell(format!(
                        "prompts of more than {original} tokens turn by the long factors of `longrope`, as in transformers; texts that start below that limit end at it"
                    ));
                }
                (self.longrope(inner, original, dimensions)?, self.context)
            }
            other => {
                let name = if inner.has("rope_type") { "rope_type" } else { "type" };
                let why =
                    "this rotary scaling is not supported; default, linear, dynamic, llama3, yarn and longrope are";
                return Err(inner.refusal(name, &Value::from(other), why));
            }
        })
    }

    fn yarn(&self, inner: &Fields<'_>, original: i64, base: f64) -> Result<Yarn, String> {
        if base <= 1.0 {
            return Err(format!("rotary scaling `yarn`: the base is {base} and must be greater than 1"));
        }
        // null asks for the quotient of both contexts; a missing one is an oversight, in transformers too
        let factor = match inner.get("factor") {
            Some(Value::Null) => self.context as f64 / original as f64,
            _ => inner.needed_number("factor")?,
        };
        let grown = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
        let scales = (inner.optional_number("mscale")?, inner.optional_number("mscale_all_dim")?);
        let magnitude = match (inner.optional_number("attention_factor")?, scales) {
            (Some(given), _) => given,
            (None, (Some(some), Some(all))) => grown(some) / grown(all),
            (None, _) => grown(1.0),
        };
        // whether the weights were trained with it changes nothing
        inner.flag("finetuned", false)?;
        Ok(Yarn {
            factor,
            fast: inner.optional_number("beta_fast")?.unwrap_or(32.0),
            slow: inner.optional_number("beta_slow")?.unwrap_or(1.0),
            truncated: inner.flag("truncate", true)?,
            original_context: original as f64,
            magnitude,
        })
    }

    /// The short factors, and the long ones where the context is longer than the original one.
    fn longrope(&self, inner: &Fields<'_>, original: i64, dimensions: i64) -> Result<Scaling, String> {
        let (divisors, long) = (inner.numbers("short_factor")?, inner.numbers("long_factor")?);
        for (name, list) in [("short_factor", &divisors), ("long_factor", &long)] {
            let wanted = dimensions.div_euclid(2) as usize;
            if list.len() != wanted {
                let count = list.len();
                return Err(format!("rotary scaling `longrope`: `{name}` has {count} numbers and must have {wanted}"));
            }
        }
        let factor = inner.optional_number("factor")?.unwrap_or(self.context as f64 / original as f64);
        let magnitude = match inner.optional_number("attention_factor")? {
            Some(given) => given,
            None if factor <= 1.0 => 1.0,
            None => (1.0 + factor.ln() / (original as f64).ln()).sqrt(),
        };
        let beyond = (original < self.context).then_some(Beyond { original_context: original, divisors: long });
        Ok(Scaling::PerFrequency { divisors, magnitude, beyond })
    }
}
