// Whether a tensor is of a kind that can cross: what tch does not tell of it. Nothing throws out of here.

#include <ATen/core/Tensor.h>

extern "C" {

/// Says what is odd about a tensor; null for a dense tensor of real numbers in memory. The text lives for ever.
const char *locus_tensor_oddity(const void *handle) noexcept {
  try {
    const auto *tensor = static_cast<const at::Tensor *>(handle);
    if (tensor == nullptr || !tensor->defined()) return "is missing";
    if (tensor->is_meta()) return "has no contents (device meta)";
    if (tensor->is_nested()) return "is nested";
    if (tensor->is_quantized()) return "is quantized";
    if (tensor->is_mkldnn() || tensor->layout() != at::kStrided) return "is sparse or of another layout than strided";
    if (!tensor->is_cpu() && !tensor->is_cuda()) return "is on a device that is neither the CPU nor a GPU";
    if (tensor->is_complex()) return "holds complex numbers";
    if (!tensor->has_storage()) return "has no storage";
    return nullptr;
  } catch (...) {
    return "cannot be inspected";
  }
}
}
