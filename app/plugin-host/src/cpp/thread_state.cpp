// What of libtorch and of the calling thread a plugin could leave changed: read, compared, put back. libtorch offers
// no C interface to it. Nothing throws out of here.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/AutogradState.h>
#include <c10/core/DefaultDtype.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <array>
#include <cfenv>
#include <csignal>
#include <cstring>
#include <optional>
#include <pthread.h>
#include <string>
#include <vector>

namespace {

using at::Float32Backend;
using at::Float32Op;
using Tell = void (*)(void *listener, const char *text);

constexpr at::DeviceType AUTOCAST[] = {at::kCPU, at::kCUDA};
constexpr std::pair<Float32Backend, Float32Op> PRECISIONS[] = {
    {Float32Backend::GENERIC, Float32Op::ALL},  {Float32Backend::CUDA, Float32Op::ALL},
    {Float32Backend::CUDA, Float32Op::CONV},    {Float32Backend::CUDA, Float32Op::RNN},
    {Float32Backend::CUDA, Float32Op::MATMUL},  {Float32Backend::MKLDNN, Float32Op::ALL},
    {Float32Backend::MKLDNN, Float32Op::CONV},  {Float32Backend::MKLDNN, Float32Op::RNN},
    {Float32Backend::MKLDNN, Float32Op::MATMUL}};
constexpr size_t PRECISION_COUNT = std::size(PRECISIONS);

#if defined(__x86_64__)
/// Control bits of the floating-point units; the flags that say what has happened are no control.
struct Floating {
  unsigned int sse;
  unsigned short x87;

  static constexpr unsigned int FLAGS = 0x3f, MASKS = 0x1f80, ROUNDING = 0x6000, DENORMALS = 0x8040;

  static Floating now() {
    Floating found{};
    asm volatile("stmxcsr %0" : "=m"(found.sse));
    asm volatile("fnstcw %0" : "=m"(found.x87));
    found.sse &= ~FLAGS;
    return found;
  }
  void set() const {
    // flags that stand would trap once their exceptions are unmasked
    asm volatile("fnclex");
    asm volatile("fldcw %0" : : "m"(x87));
    asm volatile("ldmxcsr %0" : : "m"(sse));
  }
  void differences(const Floating &found, std::vector<std::string> &told) const {
    if ((sse ^ found.sse) & MASKS || (x87 ^ found.x87) & 0x3f) told.emplace_back("floating-point exceptions that end the program");
    if ((sse ^ found.sse) & ROUNDING || (x87 ^ found.x87) & 0xc00) told.emplace_back("another rounding mode");
    if ((sse ^ found.sse) & DENORMALS) told.emplace_back("another treatment of denormal numbers");
    if ((x87 ^ found.x87) & 0x300) told.emplace_back("another floating-point precision");
  }
  bool same(const Floating &other) const { return sse == other.sse && x87 == other.x87; }
};
#else
/// The floating-point environment as the C library knows it.
struct Floating {
  fenv_t environment;
  int rounding, exceptions;

  static Floating now() {
    Floating found{};
    fegetenv(&found.environment);
    found.rounding = fegetround();
    found.exceptions = fegetexcept();
    return found;
  }
  void set() const { fesetenv(&environment); }
  unsigned int control() const {
#if defined(__aarch64__)
    return environment.__fpcr;
#else
    return 0;
#endif
  }
  void differences(const Floating &found, std::vector<std::string> &told) const {
    if (exceptions != found.exceptions) told.emplace_back("floating-point exceptions that end the program");
    if (rounding != found.rounding) told.emplace_back("another rounding mode");
    if (told.empty() && control() != found.control()) told.emplace_back("another treatment of denormal numbers");
  }
  bool same(const Floating &other) const {
    return rounding == other.rounding && exceptions == other.exceptions && control() == other.control();
  }
};
#endif

/// Settings of libtorch that hold for the whole process, as numbers.
using Flags = std::array<int, 12>;

Flags flags_now() {
  const at::Context &context = at::globalContext();
  return {context.deterministicAlgorithms(),
          context.deterministicAlgorithmsWarnOnly(),
          context.deterministicFillUninitializedMemory(),
          context.deterministicCuDNN(),
          context.deterministicMkldnn(),
          context.benchmarkCuDNN(),
          context.userEnabledCuDNN(),
          context.userEnabledMkldnn(),
          static_cast<int>(context.allowFP16ReductionCuBLAS()),
          static_cast<int>(context.allowBF16ReductionCuBLAS()),
          context.allowFP16BF16ReductionMathSDP(),
          context.userEnabledNNPACK()};
}

void set_flags(const Flags &flags) {
  at::Context &context = at::globalContext();
  using Reduction = at::CuBLASReductionOption;
  const auto reduced = [](int option) {
    return std::pair(option == static_cast<int>(Reduction::AllowReducedPrecisionWithSplitK),
                     option != static_cast<int>(Reduction::DisallowReducedPrecisionDisallowSplitK));
  };
  context.setDeterministicAlgorithms(flags[0], flags[1]);
  context.setDeterministicFillUninitializedMemory(flags[2]);
  context.setDeterministicCuDNN(flags[3]);
  context.setDeterministicMkldnn(flags[4]);
  context.setBenchmarkCuDNN(flags[5]);
  context.setUserEnabledCuDNN(flags[6]);
  context.setUserEnabledMkldnn(flags[7]);
  context.setAllowFP16ReductionCuBLAS(reduced(flags[8]).first, reduced(flags[8]).second);
  context.setAllowBF16ReductionCuBLAS(reduced(flags[9]).first, reduced(flags[9]).second);
  context.setAllowFP16BF16ReductionMathSDP(flags[10]);
  context.setUserEnabledNNPACK(flags[11]);
}

std::optional<at::Float32MatmulPrecision> matmul_precision() {
  try {
    return at::globalContext().float32MatmulPrecision();
  } catch (...) {
    // settings of two kinds that contradict each other
    return std::nullopt;
  }
}

const char *name_of(at::Float32MatmulPrecision precision) {
  switch (precision) {
  case at::Float32MatmulPrecision::HIGH:
    return "high";
  case at::Float32MatmulPrecision::MEDIUM:
    return "medium";
  default:
    return "highest";
  }
}

struct Signals {
  sigset_t mask;
  std::array<struct sigaction, NSIG> actions;

  static Signals now() {
    Signals found{};
    pthread_sigmask(SIG_SETMASK, nullptr, &found.mask);
    for (int number = 1; number < NSIG; ++number) sigaction(number, nullptr, &found.actions[number]);
    return found;
  }
  bool blocked_alike(const Signals &other) const {
    for (int number = 1; number < NSIG; ++number)
      if (sigismember(&mask, number) != sigismember(&other.mask, number)) return false;
    return true;
  }
  static bool alike(const struct sigaction &one, const struct sigaction &other) {
    return one.sa_sigaction == other.sa_sigaction && one.sa_flags == other.sa_flags;
  }
};

struct State {
  Floating floating = Floating::now();
  c10::AutogradState autograd = c10::AutogradState::get_tls_state();
  c10::impl::PODLocalDispatchKeySet keys{};
  int threads = at::get_num_threads();
  at::ScalarType number_format = c10::get_default_dtype_as_scalartype();
  std::array<bool, 2> autocast{};
  std::array<at::ScalarType, 2> autocast_format{};
  bool autocast_cache = at::autocast::is_autocast_cache_enabled();
  Flags flags = flags_now();
  std::array<at::Float32Precision, PRECISION_COUNT> precisions{};
  std::optional<at::Float32MatmulPrecision> matmul = matmul_precision();
  std::optional<c10::Stream> stream;
  // only where a whole call is watched, not a service within it
  std::optional<Signals> signals;
  std::vector<std::pair<at::Generator, at::Tensor>> random;

  explicit State(bool whole) {
    const c10::impl::LocalDispatchKeySet local = c10::impl::tls_local_dispatch_key_set();
    keys.set_included(local.included_);
    keys.set_excluded(local.excluded_);
    for (size_t index = 0; index < 2; ++index) {
      autocast[index] = at::autocast::is_autocast_enabled(AUTOCAST[index]);
      autocast_format[index] = at::autocast::get_autocast_dtype(AUTOCAST[index]);
    }
    for (size_t index = 0; index < PRECISION_COUNT; ++index) precisions[index] = precision(index);
    const bool cuda = at::globalContext().hasCUDA();
    if (cuda) {
      const c10::impl::VirtualGuardImpl guard(at::kCUDA);
      stream = guard.getStream(guard.getDevice());
    }
    if (!whole) return;
    signals = Signals::now();
    remember(at::detail::getDefaultCPUGenerator());
    if (stream) remember(at::globalContext().defaultGenerator(stream->device()));
  }

  static at::Float32Precision precision(size_t index) {
    return at::globalContext().float32Precision(PRECISIONS[index].first, PRECISIONS[index].second);
  }

  void remember(at::Generator generator) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    random.emplace_back(generator, generator.get_state());
  }

  /// Makes it so and says what was different.
  std::vector<std::string> set() const {
    std::vector<std::string> told;
    const Floating found = Floating::now();
    // first of all, so that nothing below is computed with it
    if (!floating.same(found)) {
      floating.set();
      floating.differences(found, told);
    }
    set_thread(told);
    set_process(told);
    if (signals) set_signals(told);
    // draws are no fault: they are only made undone
    for (const auto &[generator, state] : random) {
      at::Generator held = generator;
      const std::lock_guard<std::mutex> lock(held.mutex());
      held.set_state(state);
    }
    return told;
  }

  void set_thread(std::vector<std::string> &told) const {
    const c10::AutogradState now = c10::AutogradState::get_tls_state();
    if (now.get_grad_mode() != autograd.get_grad_mode())
      told.emplace_back(now.get_grad_mode() ? "gradients on" : "gradients off");
    if (now.get_inference_mode() != autograd.get_inference_mode()) told.emplace_back("inference mode");
    c10::AutogradState::set_tls_state(autograd);
    bool other_casts = autocast_cache != at::autocast::is_autocast_cache_enabled();
    for (size_t index = 0; index < 2; ++index) {
      const bool on = at::autocast::is_autocast_enabled(AUTOCAST[index]);
      const bool same = on == autocast[index] && at::autocast::get_autocast_dtype(AUTOCAST[index]) == autocast_format[index];
      other_casts |= !same;
      if (same) continue;
      at::autocast::set_autocast_enabled(AUTOCAST[index], autocast[index]);
      at::autocast::set_autocast_dtype(AUTOCAST[index], autocast_format[index]);
    }
    if (other_casts) {
      at::autocast::set_autocast_cache_enabled(autocast_cache);
      at::autocast::clear_cache();
      told.emplace_back("autocast switched");
    }
    c10::impl::_force_tls_local_dispatch_key_set(c10::impl::LocalDispatchKeySet(keys));
    if (stream) {
      const c10::impl::VirtualGuardImpl guard(at::kCUDA);
      if (guard.getDevice() != stream->device()) {
        told.push_back("another device (" + guard.getDevice().str() + ")");
        guard.setDevice(stream->device());
      }
      guard.exchangeStream(*stream);
    }
  }

  void set_process(std::vector<std::string> &told) const {
    if (const int now = at::get_num_threads(); now != threads) {
      told.push_back(std::to_string(now) + " threads instead of " + std::to_string(threads));
      at::set_num_threads(threads);
    }
    if (const at::ScalarType now = c10::get_default_dtype_as_scalartype(); now != number_format) {
      told.push_back(std::string("another default number format (") + c10::toString(now) + ")");
      c10::set_default_dtype(c10::scalarTypeToTypeMeta(number_format));
    }
    if (const Flags now = flags_now(); now != flags) {
      const bool determinism = !std::equal(flags.begin(), flags.begin() + 5, now.begin());
      const bool others = !std::equal(flags.begin() + 5, flags.end(), now.begin() + 5);
      if (determinism) told.emplace_back("another choice of deterministic algorithms");
      if (others) told.emplace_back("another choice of libtorch's kernels");
      set_flags(flags);
    }
    bool other_precision = false;
    for (size_t index = 0; index < PRECISION_COUNT; ++index) {
      if (precision(index) == precisions[index]) continue;
      other_precision = true;
      at::globalContext().setFloat32Precision(PRECISIONS[index].first, PRECISIONS[index].second, precisions[index]);
    }
    if (matmul && matmul_precision() != matmul) {
      other_precision = true;
      at::globalContext().setFloat32MatmulPrecision(name_of(*matmul));
    }
    if (other_precision) told.emplace_back("another precision of products (TF32)");
  }

  void set_signals(std::vector<std::string> &told) const {
    const Signals now = Signals::now();
    if (!signals->blocked_alike(now)) {
      told.emplace_back("other signals blocked");
      pthread_sigmask(SIG_SETMASK, &signals->mask, nullptr);
    }
    bool other_handlers = false;
    for (int number = 1; number < NSIG; ++number) {
      if (Signals::alike(signals->actions[number], now.actions[number])) continue;
      other_handlers |= sigaction(number, &signals->actions[number], nullptr) == 0;
    }
    if (other_handlers) told.emplace_back("handlers of signals");
  }
};

} // namespace

extern "C" {

/// The state as it is now, to be freed; null where libtorch would not tell. `whole` is not 0 for a whole call.
State *locus_thread_state_now(int whole) noexcept {
  try {
    return new State(whole != 0);
  } catch (...) {
    return nullptr;
  }
}

/// Makes the state so and tells `listener` what was different, one text each.
void locus_thread_state_set(const State *state, Tell tell, void *listener) noexcept {
  if (state == nullptr) return;
  try {
    for (const std::string &text : state->set()) tell(listener, text.c_str());
  } catch (const std::exception &) {
    tell(listener, "settings of libtorch that could not be put back");
  }
}

/// Has libtorch take, for every operation that has one, the algorithm that gives the same bits every time; an operation
/// without one is warned of.
void locus_demand_determinism() noexcept { at::globalContext().setDeterministicAlgorithms(true, true); }

/// Frees a state; null is allowed.
void locus_thread_state_free(State *state) noexcept { delete state; }
}
