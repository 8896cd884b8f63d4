/* The binary contract between Locus and its plugins. Written by cbindgen from plugin-api/abi: change it there.
 *
 * Borrowed in, owned out: what a function is given lives until it returns; what it gives back belongs to the
 * taker, who frees it through the `release` that came with it. Nothing unwinds across: C++ authors catch
 * everything in every function, `release` included. Every function answers a status and fills `error` only when it
 * is not LOCUS_STATUS_OK. Tables only grow, at their end: `struct_size` says what exists, and nothing behind it is
 * read or written. Services of the host are called only from the thread that called the plugin, and only until it
 * returns. docs/plugins.md describes them. */

#ifndef LOCUS_PLUGIN_H
#define LOCUS_PLUGIN_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* A tensor: in fact an at::Tensor of libtorch on the heap. */
typedef struct LocusTensor LocusTensor;
/* Belongs to the host and stands for one call into the plugin; it means nothing once that call has returned. */
typedef struct LocusContext LocusContext;
/* An objective at work; what it is only its plugin knows. */
typedef struct LocusInstance LocusInstance;

/* Services of the host, for `call`. */
// Adds a row to the live table.
#define LOCUS_SERVICE_REPORT "report"
// Tells how far a phase is.
#define LOCUS_SERVICE_PROGRESS "progress"
// What the model is.
#define LOCUS_SERVICE_MODEL "model"
// Token ids of a text.
#define LOCUS_SERVICE_TOKENIZE "tokenize"
// A template with its subject in the place of `{}` and a target after one space, tokenised together: as scores, traces and displays do.
#define LOCUS_SERVICE_TOKENIZE_PROMPT "tokenize-prompt"
// Text of token ids.
#define LOCUS_SERVICE_DETOKENIZE "detokenize"
// From now on the model that is run, sampled and asked for parameters has these in these values, until the plugin returns or replaces them again.
#define LOCUS_SERVICE_REPLACE_PARAMETERS "replace-parameters"
// A parameter as the model has it now, by its name in the checkpoint.
#define LOCUS_SERVICE_PARAMETER "parameter"
// Runs `rows` and captures the activations at `cells`: one `[cells, width]` tensor for each.
#define LOCUS_SERVICE_CAPTURE "capture"
// Prepares a run that will be repeated.
#define LOCUS_SERVICE_PREPARE_SUFFIX "prepare-suffix"
// Runs once more: the first `added` tensors are what is added, one per entry of `add`, `[cells, hidden]` or `[1, hidden]` for all of its cells.
#define LOCUS_SERVICE_RUN_SUFFIX "run-suffix"
// What a prepared run captures, one tensor for each entry of `capture`, where every repetition captures the same: what lies below all that is added or changed.
#define LOCUS_SERVICE_FIXED_CAPTURES "fixed-captures"
// Forgets a prepared run and gives its memory back.
#define LOCUS_SERVICE_RELEASE_SUFFIX "release-suffix"
// `C⁻¹ k` for each row of `keys` `[n, inner]`, with `C` the uncentred second moment of the MLP key at `layer` of the unedited model (ROME, equation 2).
#define LOCUS_SERVICE_SOLVE_SECOND_MOMENT "solve-second-moment"
// `C` itself, `[inner, inner]`, the mean of `k kᵀ`.
#define LOCUS_SERVICE_SECOND_MOMENT "second-moment"
// Probabilities of the next token `[vocabulary]` of a prompt whose subject is noised, averaged over the noise's copies.
#define LOCUS_SERVICE_NOISED_PREDICTION "noised-prediction"
// Samples text from the model (top 5, as the published code does).
#define LOCUS_SERVICE_SAMPLE "sample"
// The current objective's loss for log-probabilities `[rows, tokens]` of the target, a scalar with its gradient intact.
#define LOCUS_SERVICE_OBJECTIVE_LOSS "objective-loss"

// Major version of the contract: both sides must have the same.
#define LOCUS_INTERFACE_MAJOR 2

// Minor version of the contract: counts what was added at the ends of tables.
#define LOCUS_INTERFACE_MINOR 0

// It worked.
#define LOCUS_STATUS_OK 0

// It failed; the error says how. Unknown statuses are read as this one.
#define LOCUS_STATUS_FAILED 1

// The user cancelled.
#define LOCUS_STATUS_CANCELLED 2

// The side that was called panicked; the error has message and place.
#define LOCUS_STATUS_PANIC 3

// The side that was called does not offer this; the error names it.
#define LOCUS_STATUS_UNSUPPORTED 4

// The request cannot be carried out as asked; the error says what to change.
#define LOCUS_STATUS_REQUEST 5

// Level of a line of the log: good to know.
#define LOCUS_LEVEL_INFO 0

// Level of a line of the log: something to look at.
#define LOCUS_LEVEL_WARNING 1

// The plugin calls libtorch itself, so that it needs the libtorch it was built with.
#define LOCUS_FLAG_LIBTORCH 1

// Scans of folders pass the file over: it is loaded only when it is named. For experiments and test fixtures.
#define LOCUS_FLAG_BY_NAME_ONLY 2

// Borrowed text in UTF-8, not ended by a zero byte.
typedef struct LocusStr {
    // First byte; may be null when `length` is 0.
    const uint8_t *data;
    // Bytes.
    size_t length;
} LocusStr;

// Owned bytes: whoever made them frees them, through `release`.
typedef struct LocusBytes {
    // First byte; null for none.
    uint8_t *data;
    // Bytes.
    size_t length;
    // For whoever made them.
    size_t capacity;
    // Frees the bytes and empties the struct; null when there is nothing to free.
    void (*release)(struct LocusBytes *bytes);
} LocusBytes;

// An owned array of owned tensors. The taker puts null where it took a tensor out, then calls `release`, which
// frees the rest and the array.
typedef struct LocusTensors {
    // First handle; null for none.
    LocusTensor **data;
    // Handles.
    size_t count;
    // For whoever made the array.
    size_t capacity;
    // Frees tensors and array and empties the struct; null when there is nothing to free.
    void (*release)(struct LocusTensors *tensors);
} LocusTensors;

// What a call gives back: JSON, and tensors that the JSON names by index. The caller hands it over empty, with
// `struct_size` set.
typedef struct LocusReply {
    // Bytes of this struct as the caller knows it.
    size_t struct_size;
    // JSON; empty for none.
    struct LocusBytes json;
    // Tensors.
    struct LocusTensors tensors;
} LocusReply;

// The host's table; it lives as long as the process.
typedef struct LocusHost {
    // Bytes of this table.
    size_t struct_size;
    // Major version of the contract.
    uint16_t interface_major;
    // Minor version of the contract.
    uint16_t interface_minor;
    // Zero.
    uint32_t reserved;
    // Calls a service by its name: JSON and borrowed tensors in, JSON and owned tensors out. Services are listed
    // in `docs/plugins.md`; one that this host does not have answers `LOCUS_STATUS_UNSUPPORTED`. `reply` is null
    // where the answer is not wanted, and so may `error` be.
    int32_t (*call)(LocusContext *context,
                    struct LocusStr service,
                    struct LocusStr json,
                    LocusTensor *const *tensors,
                    size_t count,
                    struct LocusReply *reply,
                    struct LocusBytes *error);
    // Not 0 when the user cancelled.
    int32_t (*cancelled)(LocusContext *context);
    // Writes a line into the log; `level` is one of `LOCUS_LEVEL_...`.
    void (*log)(LocusContext *context, int32_t level, struct LocusStr text);
    // Makes a float32 tensor on the CPU from a copy of `data`.
    int32_t (*tensor_from_f32)(const float *data,
                               const int64_t *sizes,
                               size_t dimensions,
                               LocusTensor **tensor,
                               struct LocusBytes *error);
    // Tells the number of dimensions, and the sizes of at most `capacity` of them.
    int32_t (*tensor_sizes)(const LocusTensor *tensor,
                            int64_t *sizes,
                            size_t capacity,
                            size_t *dimensions,
                            struct LocusBytes *error);
    // Copies all elements, as float32 and row by row, to `data`, which has room for `capacity` of them.
    int32_t (*tensor_copy_f32)(const LocusTensor *tensor,
                               float *data,
                               size_t capacity,
                               struct LocusBytes *error);
    // Makes another handle of the same tensor.
    int32_t (*tensor_clone)(const LocusTensor *tensor, LocusTensor **copy, struct LocusBytes *error);
    // Frees a handle; null is allowed.
    void (*tensor_free)(LocusTensor *tensor);
    // Puts `count` handles into an array to give away; it takes them over, also when it fails.
    int32_t (*tensors_new)(LocusTensor *const *handles,
                           size_t count,
                           struct LocusTensors *tensors,
                           struct LocusBytes *error);
    // Copies text into bytes to give away, as JSON or as an error.
    void (*bytes_new)(struct LocusStr text, struct LocusBytes *bytes);
    // Reads the number at a JSON pointer such as `/request/layers/0`.
    int32_t (*json_f64)(struct LocusStr json, struct LocusStr pointer, double *value, struct LocusBytes *error);
    // Reads the text at a JSON pointer such as `/down_projections/3/weight`.
    int32_t (*json_str)(struct LocusStr json,
                        struct LocusStr pointer,
                        struct LocusBytes *value,
                        struct LocusBytes *error);
} LocusHost;

// What a plugin's function is called with; borrowed for the call.
typedef struct LocusCall {
    // Bytes of this struct as the host knows it.
    size_t struct_size;
    // The host's table, the one the entry function was given.
    const struct LocusHost *host;
    // To be handed to the host's services.
    LocusContext *context;
    // The arguments as JSON.
    struct LocusStr json;
    // Tensors that belong to the arguments.
    LocusTensor *const *tensors;
    // How many.
    size_t count;
} LocusCall;

// A method. It keeps nothing from one call to the next.
typedef struct LocusMethod {
    // Bytes of this table.
    size_t struct_size;
    // `{}` in; the description with its hyperparameters out.
    int32_t (*describe)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"request", "settings"}` in; the changes out: JSON, and the tensors it names.
    int32_t (*edit)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"request", "settings", "model"}` in; the plan out. It may be null, and the table may end before it: then the plan
    // is the layers that were asked for.
    int32_t (*plan)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
} LocusMethod;

// An objective. It lives from `create` to `destroy`.
typedef struct LocusObjective {
    // Bytes of this table.
    size_t struct_size;
    // `{}` in; the description with its hyperparameters out.
    int32_t (*describe)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"settings"}` in; an instance out.
    int32_t (*create)(const struct LocusCall *call, LocusInstance **instance, struct LocusBytes *error);
    // Frees an instance.
    void (*destroy)(LocusInstance *instance);
    // `{"fact"}` in; the goal out.
    int32_t (*goal)(LocusInstance *instance,
                    const struct LocusCall *call,
                    struct LocusReply *reply,
                    struct LocusBytes *error);
    // `{"reduction"}` and the log-probabilities in; the loss out, one tensor with its gradient intact.
    int32_t (*loss)(LocusInstance *instance,
                    const struct LocusCall *call,
                    struct LocusReply *reply,
                    struct LocusBytes *error);
} LocusObjective;

// What a library holds. The host reads it once; it must not change.
typedef struct LocusPlugin {
    // Bytes of this table.
    size_t struct_size;
    // Tables of the methods.
    const struct LocusMethod *const *methods;
    // How many.
    size_t method_count;
    // Tables of the objectives.
    const struct LocusObjective *const *objectives;
    // How many.
    size_t objective_count;
} LocusPlugin;

// Lies in the section `.locus_plugin`, under the name `LOCUS_PLUGIN_STAMP`. It holds no pointers. The first 32
// bytes never change, in any version. Texts are UTF-8, filled up with zero bytes.
typedef struct LocusStamp {
    // `LOCUSPLG`.
    uint8_t magic[8];
    // Bytes of the stamp.
    uint32_t struct_size;
    // Major version of the contract that the plugin speaks.
    uint16_t interface_major;
    // Minor version of the contract that the plugin speaks.
    uint16_t interface_minor;
    // What else it needs: `LOCUS_FLAG_...`, added up.
    uint32_t flags;
    // Zero.
    uint32_t reserved;
    // libtorch's `TORCH_ABI_VERSION` of the headers it was built with; 0 without libtorch.
    uint64_t torch;
    // The target it was built for, as rustc calls it.
    uint8_t target[40];
    // Version of the package `locus-plugin` it was built with; empty without.
    uint8_t author_package[24];
    // What compiled it.
    uint8_t compiler[64];
    // Its name and version.
    uint8_t plugin[64];
    // Zero.
    uint8_t reserved_end[32];
} LocusStamp;

/* What exports a symbol. */
#ifdef __cplusplus
#define LOCUS_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define LOCUS_EXPORT __attribute__((visibility("default")))
#endif

/* The target, as rustc calls it. */
#if defined(__linux__) && defined(__x86_64__)
#define LOCUS_TARGET "x86_64-unknown-linux-gnu"
#elif defined(__linux__) && defined(__aarch64__)
#define LOCUS_TARGET "aarch64-unknown-linux-gnu"
#endif

/* Defines the stamp of a plugin that does not call libtorch itself: once in a library, with name and version. It
 * is a declaration: a semicolon follows. */
#define LOCUS_STAMP(name_and_version)                                                                          \
    LOCUS_EXPORT const struct LocusStamp LOCUS_PLUGIN_STAMP                                                    \
        __attribute__((used, section(".locus_plugin"))) = {                                                    \
            {'L', 'O', 'C', 'U', 'S', 'P', 'L', 'G'}, sizeof(struct LocusStamp), LOCUS_INTERFACE_MAJOR,        \
            LOCUS_INTERFACE_MINOR, 0, 0, 0, LOCUS_TARGET, "", "C " __VERSION__, name_and_version, {0}}

/* Borrows a C string. */
static inline struct LocusStr locus_str(const char *text) {
    struct LocusStr borrowed;
    borrowed.data = (const uint8_t *)text;
    borrowed.length = strlen(text);
    return borrowed;
}

/* What a library exports beside its stamp: the entry function, called once, right after loading. `host` lives as
 * long as the process; the table put into `plugin` must too. */
LOCUS_EXPORT int32_t locus_plugin_entry_v2(const struct LocusHost *host,
                                           const struct LocusPlugin **plugin,
                                           struct LocusBytes *error);

#endif
