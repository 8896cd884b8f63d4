// What of libtorch and of the calling thread a plugin could leave changed: read, compared, put back. libtorch offers
// no C interface to it. Nothing throws out of here; a part that fails is named, and leaves the others alone.

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
#include <exception>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <string>
#include <utility>
#include <vector>

namespace {

using at::Float32Backend;
using at::Float32Op;
using Texts = std::vector<std::string>;
/// `lost` is not 0 for what could not be read or put back.
using Tell = void (*)(void *listener, const char *text, int lost);

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
  void differences(const Floating &found, Texts &told) const {
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
  void differences(const Floating &found, Texts &told) const {
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

/// Whether the processor's arithmetic casts by itself, for the devices of AUTOCAST.
struct Autocast {
  std::array<bool, 2> on{};
  std::array<at::ScalarType, 2> format{};
  bool cache = at::autocast::is_autocast_cache_enabled();

  static Autocast now() {
    Autocast found;
    for (size_t index = 0; index < 2; ++index) {
      found.on[index] = at::autocast::is_autocast_enabled(AUTOCAST[index]);
      found.format[index] = at::autocast::get_autocast_dtype(AUTOCAST[index]);
    }
    return found;
  }
  bool same(const Autocast &other) const { return on == other.on && format == other.format && cache == other.cache; }
  void set() const {
    for (size_t index = 0; index < 2; ++index) {
      at::autocast::set_autocast_enabled(AUTOCAST[index], on[index]);
      at::autocast::set_autocast_dtype(AUTOCAST[index], format[index]);
    }
    at::autocast::set_autocast_cache_enabled(cache);
    at::autocast::clear_cache();
  }
};

/// How exact products of float32 are.
struct Precision {
  std::array<at::Float32Precision, PRECISION_COUNT> each{};
  std::optional<at::Float32MatmulPrecision> products = matmul_precision();

  static at::Float32Precision of(size_t index) {
    return at::globalContext().float32Precision(PRECISIONS[index].first, PRECISIONS[index].second);
  }
  static Precision now() {
    Precision found;
    for (size_t index = 0; index < PRECISION_COUNT; ++index) found.each[index] = of(index);
    return found;
  }
  bool same(const Precision &other) const { return each == other.each && products == other.products; }
  void set() const {
    // first, since it sets some of the others as well
    if (products && matmul_precision() != products) at::globalContext().setFloat32MatmulPrecision(name_of(*products));
    for (size_t index = 0; index < PRECISION_COUNT; ++index)
      if (of(index) != each[index])
        at::globalContext().setFloat32Precision(PRECISIONS[index].first, PRECISIONS[index].second, each[index]);
  }
};

std::string first_line(const char *text) {
  const std::string whole = text == nullptr ? "" : text;
  return whole.substr(0, whole.find('\n'));
}

/// Does something with one part; if it fails, says that it could not be read, or put back.
template <typename Do> bool attempt(const char *part, const char *what, Texts &lost, Do act) {
  try {
    act();
    return true;
  } catch (const std::exception &error) {
    lost.push_back(std::string(part) + " could not be " + what + " (" + first_line(error.what()) + ")");
  } catch (...) {
    lost.push_back(std::string(part) + " could not be " + what);
  }
  return false;
}

/// Said where no state was read.
constexpr const char *UNKNOWN = "libtorch's settings could not be read";

using Random = std::vector<std::pair<at::Generator, at::Tensor>>;

struct State {
  /// Parts that could not be read.
  Texts unread;
  Floating floating = Floating::now();
  std::optional<c10::AutogradState> autograd;
  std::optional<Autocast> autocast;
  std::optional<c10::impl::PODLocalDispatchKeySet> keys;
  std::optional<c10::Stream> stream;
  std::optional<int> threads;
  std::optional<at::ScalarType> number_format;
  std::optional<Flags> flags;
  std::optional<Precision> precision;
  // only where a whole call is watched, not a service within it
  std::optional<Signals> signals;
  std::optional<Random> random;

  explicit State(bool whole) {
    read(autograd, "gradient and inference mode", [] { return c10::AutogradState::get_tls_state(); });
    read(autocast, "autocast", Autocast::now);
    read(keys, "the choice of libtorch's dispatcher", [] {
      const c10::impl::LocalDispatchKeySet local = c10::impl::tls_local_dispatch_key_set();
      c10::impl::PODLocalDispatchKeySet found{};
      found.set_included(local.included_);
      found.set_excluded(local.excluded_);
      return found;
    });
    if (at::globalContext().hasCUDA())
      read(stream, "the device", [] {
        const c10::impl::VirtualGuardImpl guard(at::kCUDA);
        return guard.getStream(guard.getDevice());
      });
    read(threads, "the number of threads", at::get_num_threads);
    read(number_format, "the default number format", c10::get_default_dtype_as_scalartype);
    read(flags, "the choice of libtorch's kernels", flags_now);
    read(precision, "the precision of products", Precision::now);
    if (!whole) return;
    read(signals, "what happens on signals", Signals::now);
    read(random, "the state of random numbers", [this] {
      Random found;
      remember(found, at::detail::getDefaultCPUGenerator());
      if (stream) remember(found, at::globalContext().defaultGenerator(stream->device()));
      return found;
    });
  }

  template <typename Part, typename Read> void read(std::optional<Part> &part, const char *name, Read now) {
    attempt(name, "read", unread, [&] { part.emplace(now()); });
  }

  static void remember(Random &random, at::Generator generator) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    random.emplace_back(generator, generator.get_state());
  }

  /// Makes it so; says what was different, and what could not be put back.
  void set(Texts &told, Texts &lost) const {
    lost = unread;
    const Floating found = Floating::now();
    // first of all, so that nothing below is computed with it
    if (!floating.same(found)) {
      floating.set();
      floating.differences(found, told);
    }
    put_back(autograd, "gradient and inference mode", told, lost, set_autograd);
    put_back(autocast, "autocast", told, lost, [](const Autocast &wanted, Texts &told) {
      if (wanted.same(Autocast::now())) return;
      wanted.set();
      told.emplace_back("autocast switched");
    });
    put_back(keys, "the choice of libtorch's dispatcher", told, lost,
             [](const c10::impl::PODLocalDispatchKeySet &wanted, Texts &) {
               c10::impl::_force_tls_local_dispatch_key_set(c10::impl::LocalDispatchKeySet(wanted));
             });
    put_back(stream, "the device", told, lost, set_stream);
    put_back(threads, "the number of threads", told, lost, [](int wanted, Texts &told) {
      const int now = at::get_num_threads();
      if (now == wanted) return;
      at::set_num_threads(wanted);
      told.push_back(std::to_string(now) + " threads instead of " + std::to_string(wanted));
    });
    put_back(number_format, "the default number format", told, lost, [](at::ScalarType wanted, Texts &told) {
      const at::ScalarType now = c10::get_default_dtype_as_scalartype();
      if (now == wanted) return;
      c10::set_default_dtype(c10::scalarTypeToTypeMeta(wanted));
      told.push_back(std::string("another default number format (") + c10::toString(now) + ")");
    });
    put_back(flags, "the choice of libtorch's kernels", told, lost, [](const Flags &wanted, Texts &told) {
      const Flags now = flags_now();
      if (now == wanted) return;
      set_flags(wanted);
      if (!std::equal(wanted.begin(), wanted.begin() + 5, now.begin()))
        told.emplace_back("another choice of deterministic algorithms");
      if (!std::equal(wanted.begin() + 5, wanted.end(), now.begin() + 5))
        told.emplace_back("another choice of libtorch's kernels");
    });
    put_back(precision, "the precision of products", told, lost, [](const Precision &wanted, Texts &told) {
      if (wanted.same(Precision::now())) return;
      wanted.set();
      told.emplace_back("another precision of products (TF32)");
    });
    put_back(signals, "what happens on signals", told, lost, set_signals);
    // draws are no fault: they are only made undone
    put_back(random, "the state of random numbers", told, lost, [](const Random &wanted, Texts &) {
      for (const auto &[generator, state] : wanted) {
        at::Generator held = generator;
        const std::lock_guard<std::mutex> lock(held.mutex());
        held.set_state(state);
      }
    });
  }

  /// What was different is told once it is put back.
  template <typename Part, typename Set>
  static void put_back(const std::optional<Part> &part, const char *name, Texts &told, Texts &lost, Set set) {
    if (!part) return;
    Texts different;
    if (attempt(name, "restored", lost, [&] { set(*part, different); }))
      told.insert(told.end(), different.begin(), different.end());
  }

  static void set_autograd(const c10::AutogradState &wanted, Texts &told) {
    const c10::AutogradState now = c10::AutogradState::get_tls_state();
    c10::AutogradState::set_tls_state(wanted);
    if (now.get_grad_mode() != wanted.get_grad_mode())
      told.emplace_back(now.get_grad_mode() ? "gradients on" : "gradients off");
    if (now.get_inference_mode() != wanted.get_inference_mode()) told.emplace_back("inference mode");
  }

  static void set_stream(const c10::Stream &wanted, Texts &told) {
    const c10::impl::VirtualGuardImpl guard(at::kCUDA);
    if (const c10::Device now = guard.getDevice(); now != wanted.device()) {
      guard.setDevice(wanted.device());
      told.push_back("another device (" + now.str() + ")");
    }
    if (guard.exchangeStream(wanted) != wanted) told.emplace_back("another stream of the device");
  }

  static void set_signals(const Signals &wanted, Texts &told) {
    const Signals now = Signals::now();
    if (!wanted.blocked_alike(now)) {
      pthread_sigmask(SIG_SETMASK, &wanted.mask, nullptr);
      told.emplace_back("other signals blocked");
    }
    bool other_handlers = false;
    for (int number = 1; number < NSIG; ++number) {
      if (Signals::alike(wanted.actions[number], now.actions[number])) continue;
      other_handlers |= sigaction(number, &wanted.actions[number], nullptr) == 0;
    }
    if (other_handlers) told.emplace_back("handlers of signals");
  }
};

} // namespace

extern "C" {

/// The state as it is now, to be freed; null where it cannot be read at all. `whole` is not 0 for a whole call.
State *locus_thread_state_now(int whole) noexcept {
  try {
    return new State(whole != 0);
  } catch (...) {
    return nullptr;
  }
}

/// Makes the state so and tells `listener` what was different and what could not be put back, one text each.
void locus_thread_state_set(const State *state, Tell tell, void *listener) noexcept {
  try {
    if (state == nullptr) return tell(listener, UNKNOWN, 1);
    Texts told, lost;
    state->set(told, lost);
    for (const std::string &text : told) tell(listener, text.c_str(), 0);
    for (const std::string &text : lost) tell(listener, text.c_str(), 1);
  } catch (...) {
    tell(listener, UNKNOWN, 1);
  }
}

/// Has libtorch take, for every operation that has one, the algorithm that gives the same bits every time; an operation
/// without one is warned of.
void locus_demand_determinism() noexcept { at::globalContext().setDeterministicAlgorithms(true, true); }

/// Frees a state; null is allowed.
void locus_thread_state_free(State *state) noexcept { delete state; }
}
