//! Where what is of a model: its layers may lie over several devices. Everything else of it is at home, on the first, and so is
//! whatever is read of a run, so that nobody but the decoder has to know.

use crate::error::Result;
use std::ops::Range;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// A device, and the number format of what is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub device: Device,
    /// Dtype of weights and activations.
    pub kind: Kind,
}

/// The places of a model's parts.
#[derive(Clone, Debug)]
pub struct Places {
    /// Where embeddings, final norm and unembedding are.
    pub home: Place,
    /// The layers in stretches that lie side by side; none where all are at home.
    stretches: Arc<[(Place, Range<usize>)]>,
}

impl Places {
    /// All on one device.
    #[must_use]
    pub fn one(device: Device, kind: Kind) -> Self {
        Self::at(Place { device, kind }, Vec::new())
    }

    /// Layers over several devices in their order, as many on each as its room is a part of all room; home is the first.
    /// Where there is no room at all, as many on each.
    #[must_use]
    pub fn over(devices: &[(Device, u64)], layers: usize, kind: Kind) -> Self {
        let first = devices.first().map_or(Device::Cpu, |(device, _)| *device);
        let all: u128 = devices.iter().map(|(_, room)| u128::from(*room)).sum();
        let whole = if all == 0 { devices.len() as u128 } else { all };
        let (mut stretches, mut begun, mut until) = (Vec::new(), 0, 0);
        for &(device, room) in devices {
            until += if all == 0 { 1 } else { u128::from(room) };
            // to the nearest whole layer
            let end = (2 * until * layers as u128 + whole) / (2 * whole);
            let end = usize::try_from(end).unwrap_or(layers).clamp(begun, layers);
            stretches.push((Place { device, kind }, begun..end));
            begun = end;
        }
        Self::at(Place { device: first, kind }, stretches)
    }

    /// With stretches of layers at places of their own; layers in none of them are at home.
    #[must_use]
    pub fn at(home: Place, stretches: Vec<(Place, Range<usize>)>) -> Self {
        Self { home, stretches: stretches.into_iter().filter(|(_, layers)| !layers.is_empty()).collect() }
    }

    /// Where a layer is.
    #[must_use]
    pub fn of(&self, layer: usize) -> Place {
        self.stretches.iter().find(|(_, layers)| layers.contains(&layer)).map_or(self.home, |(place, _)| *place)
    }

    /// Whether the layers were laid over more than one device.
    #[must_use]
    pub fn are_several(&self) -> bool {
        !self.stretches.is_empty()
    }

    /// The devices in their order, and the layers on each.
    pub fn stretches(&self) -> impl Iterator<Item = (Device, &Range<usize>)> {
        self.stretches.iter().map(|(place, layers)| (place.device, layers))
    }
}

/// The one border between devices: `tensor` at a place, gradients intact; itself where it is there already. Whole numbers and
/// truth values keep their format.
///
/// # Errors
/// Those of libtorch.
pub fn across(tensor: &Tensor, place: Place) -> Result<Tensor> {
    let kind = tensor.kind();
    let is_floating = matches!(kind, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double);
    let moved =
        if tensor.device() == place.device { tensor.shallow_clone() } else { tensor.f_to_device(place.device)? };
    Ok(if is_floating && kind != place.kind { moved.f_to_kind(place.kind)? } else { moved })
}

#[cfg(test)]
mod tests {
    use super::{Place, Places, across};
    use tch::{Device, Kind, Tensor};

    fn laid(rooms: &[u64], layers: usize) -> Vec<usize> {
        let devices: Vec<_> = rooms.iter().enumerate().map(|(index, room)| (Device::Cuda(index), *room)).collect();
        let places = Places::over(&devices, layers, Kind::Float);
        let on = |index: usize| (0..layers).filter(|&layer| places.of(layer).device == Device::Cuda(index)).count();
        // layers on one device lie side by side, and none is left out
        let mut begun = 0;
        for (_, stretch) in places.stretches() {
            assert_eq!(stretch.start, begun, "{places:?}");
            begun = stretch.end;
        }
        assert_eq!(begun, layers, "{places:?}");
        (0..rooms.len()).map(on).collect()
    }

    #[test]
    fn layers_go_by_room() {
        assert_eq!(laid(&[5, 5], 4), [2, 2]);
        assert_eq!(laid(&[0, 0], 6), [3, 3]);
        assert_eq!(laid(&[0, 0, 0], 32), [11, 10, 11]);
        assert_eq!(laid(&[20 << 30, 60 << 30], 32), [8, 24]);
        assert_eq!(laid(&[0, 80 << 30], 32), [0, 32]);
        assert_eq!(laid(&[1, 1, 1, 1], 2).iter().sum::<usize>(), 2);
        assert_eq!(laid(&[u64::MAX, u64::MAX], 28), [14, 14]);
    }

    #[test]
    fn what_crosses_the_border_keeps_its_gradient_and_whole_numbers_their_format() {
        let wide = Place { device: Device::Cpu, kind: Kind::Double };
        let start = Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true);
        let there = across(&start, wide).expect("libtorch");
        assert_eq!(there.kind(), Kind::Double);
        (there * 3.0).sum(Kind::Double).backward();
        assert_eq!(start.grad(), Tensor::from_slice(&[3.0_f32, 3.0]));
        let indices = Tensor::from_slice(&[1_i64]);
        assert_eq!(across(&indices, wide).expect("libtorch").kind(), Kind::Int64);
        assert!(!Places::one(Device::Cpu, Kind::Float).are_several());
    }
}
