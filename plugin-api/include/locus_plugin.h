/* The binary contract between Locus and its plugins. Written by cbindgen from plugin-api/abi: change it there.
 *
 * Borrowed in, owned out: what a function is given lives until it returns; what it returns belongs to the
 * receiver, who frees it through the `release` that came with it. Nothing unwinds across: C++ authors catch
 * everything in every function, `release` included. Every function returns a status and fills `error` only when it
 * is not LOCUS_STATUS_OK. Tables only grow, at their end: `struct_size` says what exists, and nothing beyond it is
 * read or written. Services of the host are called only from the thread that called the plugin, and only until it
 * returns. docs/plugins.md describes them. */

#ifndef LOCUS_PLUGIN_H
#define LOCUS_PLUGIN_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* A tensor: in fact an at::Tensor of libtorch on the heap. */
typedef struct LocusTensor LocusTensor;
/* Belongs to the host and identifies one call into the plugin; invalid once that call has returned. */
typedef struct LocusContext LocusContext;
/* An instance of an objective; only its plugin knows what it is. */
typedef struct LocusInstance LocusInstance;

/* Services of the host, for `call`. */
// Adds a row to the live table.
#define LOCUS_SERVICE_REPORT "report"
// Reports the progress of a phase.
#define LOCUS_SERVICE_PROGRESS "progress"
// Describes the model.
#define LOCUS_SERVICE_MODEL "model"
// Token ids of a text.
#define LOCUS_SERVICE_TOKENIZE "tokenize"
// Tokenizes a template with its subject in place of `{}`, a space, and a target together, as scores, traces and displays do.
#define LOCUS_SERVICE_TOKENIZE_PROMPT "tokenize-prompt"
// Text of token ids.
#define LOCUS_SERVICE_DETOKENIZE "detokenize"
// Replaces parameters in all further runs, samples and reads of parameters, until the plugin returns or calls this again.
#define LOCUS_SERVICE_REPLACE_PARAMETERS "replace-parameters"
// The current value of a parameter, by its name in the checkpoint.
#define LOCUS_SERVICE_PARAMETER "parameter"
// Runs `rows` and captures the activations at `cells`: one `[cells, width]` tensor for each.
#define LOCUS_SERVICE_CAPTURE "capture"
// Prepares a run that will be repeated.
#define LOCUS_SERVICE_PREPARE_SUFFIX "prepare-suffix"
// Repeats a prepared run: the first `added` tensors are added, one per entry of `add`, `[cells, hidden]` or `[1, hidden]` for all of its cells.
#define LOCUS_SERVICE_RUN_SUFFIX "run-suffix"
// What a prepared run captures, one tensor for each entry of `capture`, if it is the same in every repetition: below everything that is added or changed.
#define LOCUS_SERVICE_FIXED_CAPTURES "fixed-captures"
// Releases a prepared run and its memory.
#define LOCUS_SERVICE_RELEASE_SUFFIX "release-suffix"
// `C⁻¹ k` for each row of `keys` `[n, inner]`, with `C` the uncentered second moment of the MLP key at `layer` of the unedited model (ROME, equation 2).
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

// Success.
#define LOCUS_STATUS_OK 0

// Failure; the error says why. Unknown statuses count as this one.
#define LOCUS_STATUS_FAILED 1

// The user canceled.
#define LOCUS_STATUS_CANCELLED 2

// The callee panicked; the error has message and location.
#define LOCUS_STATUS_PANIC 3

// The callee does not provide this; the error names it.
#define LOCUS_STATUS_UNSUPPORTED 4

// The request cannot be carried out as asked; the error says what to change.
#define LOCUS_STATUS_REQUEST 5

// Level of a log message: worth knowing; nothing to act on.
#define LOCUS_LEVEL_INFO 0

// Level of a log message: something that the user should check.
#define LOCUS_LEVEL_WARNING 1

// The plugin calls libtorch itself, so it needs the libtorch it was built with.
#define LOCUS_FLAG_LIBTORCH 1

// Folder scans skip the file: it is loaded only if it is named. For experiments and test fixtures.
#define LOCUS_FLAG_BY_NAME_ONLY 2

// Borrowed UTF-8 text, not null-terminated.
typedef struct LocusStr {
    // First byte; may be null when `length` is 0.
    const uint8_t *data;
    // Number of bytes.
    size_t length;
} LocusStr;

// Owned bytes: the side that allocated them frees them, through `release`.
typedef struct LocusBytes {
    // First byte; null for none.
    uint8_t *data;
    // Number of bytes.
    size_t length;
    // For the side that allocated the bytes.
    size_t capacity;
    // Frees the bytes and empties the struct; null when there is nothing to free.
    void (*release)(struct LocusBytes *bytes);
} LocusBytes;

// An owned array of owned tensors. The receiver puts null where it took a tensor out, then calls `release`, which
// frees the rest and the array.
typedef struct LocusTensors {
    // First handle; null for none.
    LocusTensor **data;
    // Number of handles.
    size_t count;
    // For the side that allocated the array.
    size_t capacity;
    // Frees tensors and array and empties the struct; null when there is nothing to free.
    void (*release)(struct LocusTensors *tensors);
} LocusTensors;

// What a call returns: JSON, and tensors that the JSON names by index. The caller passes it empty, with
// `struct_size` set.
typedef struct LocusReply {
    // Size in bytes of this struct as the caller knows it.
    size_t struct_size;
    // JSON; empty for none.
    struct LocusBytes json;
    // Tensors that the JSON names by index.
    struct LocusTensors tensors;
} LocusReply;

// The host's table; it lives as long as the process.
typedef struct LocusHost {
    // Size of this table in bytes.
    size_t struct_size;
    // Major version of the contract.
    uint16_t interface_major;
    // Minor version of the contract.
    uint16_t interface_minor;
    // Always zero.
    uint32_t reserved;
    // Calls a service by its name: JSON and borrowed tensors in, JSON and owned tensors out. Services are listed
    // in `docs/plugins.md`; one that this host does not have returns `LOCUS_STATUS_UNSUPPORTED`. `reply` and
    // `error` may be null if they are not wanted.
    int32_t (*call)(LocusContext *context,
                    struct LocusStr service,
                    struct LocusStr json,
                    LocusTensor *const *tensors,
                    size_t count,
                    struct LocusReply *reply,
                    struct LocusBytes *error);
    // Nonzero if the user canceled.
    int32_t (*cancelled)(LocusContext *context);
    // Writes a line to the log; `level` is one of `LOCUS_LEVEL_...`.
    void (*log)(LocusContext *context, int32_t level, struct LocusStr text);
    // Makes a float32 tensor on the CPU from a copy of `data`.
    int32_t (*tensor_from_f32)(const float *data,
                               const int64_t *sizes,
                               size_t dimensions,
                               LocusTensor **tensor,
                               struct LocusBytes *error);
    // Returns the number of dimensions, and the sizes of at most `capacity` of them.
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
    // Puts `count` handles into an array to return; it takes ownership of them, even if it fails.
    int32_t (*tensors_new)(LocusTensor *const *handles,
                           size_t count,
                           struct LocusTensors *tensors,
                           struct LocusBytes *error);
    // Copies text into bytes to return, as JSON or as an error.
    void (*bytes_new)(struct LocusStr text, struct LocusBytes *bytes);
    // Reads the number at a JSON pointer such as `/request/layers/0`.
    int32_t (*json_f64)(struct LocusStr json, struct LocusStr pointer, double *value, struct LocusBytes *error);
    // Reads the string at a JSON pointer such as `/down_projections/3/weight`.
    int32_t (*json_str)(struct LocusStr json,
                        struct LocusStr pointer,
                        struct LocusBytes *value,
                        struct LocusBytes *error);
} LocusHost;

// Arguments of a plugin's function; borrowed for the call.
typedef struct LocusCall {
    // Size in bytes of this struct as the host knows it.
    size_t struct_size;
    // The host's table, the one passed to the entry function.
    const struct LocusHost *host;
    // To pass to the host's services.
    LocusContext *context;
    // The arguments as JSON.
    struct LocusStr json;
    // Tensors that belong to the arguments.
    LocusTensor *const *tensors;
    // Number of tensors.
    size_t count;
} LocusCall;

// A method. It keeps no state from one call to the next.
typedef struct LocusMethod {
    // Size of this table in bytes.
    size_t struct_size;
    // `{}` in; the description with its hyperparameters out.
    int32_t (*describe)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"request", "settings"}` in; the changes out: JSON, and the tensors it names.
    int32_t (*edit)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"request", "settings", "model"}` in; the plan out. It may be null, and the table may end before it: then the plan
    // is the requested layers.
    int32_t (*plan)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
} LocusMethod;

// An objective. It lives from `create` to `destroy`.
typedef struct LocusObjective {
    // Size of this table in bytes.
    size_t struct_size;
    // `{}` in; the description with its hyperparameters out.
    int32_t (*describe)(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error);
    // `{"settings"}` in; an instance out.
    int32_t (*create)(const struct LocusCall *call, LocusInstance **instance, struct LocusBytes *error);
    // Frees an instance that `create` returned.
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

// What a library contains. The host reads it once; it must not change.
typedef struct LocusPlugin {
    // Size of this table in bytes.
    size_t struct_size;
    // Tables of the methods.
    const struct LocusMethod *const *methods;
    // Number of methods.
    size_t method_count;
    // Tables of the objectives.
    const struct LocusObjective *const *objectives;
    // Number of objectives.
    size_t objective_count;
} LocusPlugin;

// Stored in the section `.locus_plugin`, under the name `LOCUS_PLUGIN_STAMP`. It has no pointers. The first 32
// bytes never change, in any version. Texts are UTF-8, padded with zero bytes.
typedef struct LocusStamp {
    // Magic number: the bytes `LOCUSPLG`.
    uint8_t magic[8];
    // Size of the stamp in bytes.
    uint32_t struct_size;
    // Major version of the contract that the plugin uses.
    uint16_t interface_major;
    // Minor version of the contract that the plugin uses.
    uint16_t interface_minor;
    // What else it needs: `LOCUS_FLAG_...`, combined.
    uint32_t flags;
    // Always zero.
    uint32_t reserved;
    // libtorch's `TORCH_ABI_VERSION` of the headers it was built with; 0 without libtorch.
    uint64_t torch;
    // The target it was built for, as rustc calls it.
    uint8_t target[40];
    // Version of the package `locus-plugin` it was built with; empty without.
    uint8_t author_package[24];
    // Compiler that it was built with, and its version.
    uint8_t compiler[64];
    // Name and version of the plugin.
    uint8_t plugin[64];
    // Always zero.
    uint8_t reserved_end[32];
} LocusStamp;

/* Exports a symbol. */
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

/* What a library exports besides its stamp: the entry function, called once, right after loading. `host` lives as
 * long as the process; the table put into `plugin` must too. */
LOCUS_EXPORT int32_t locus_plugin_entry_v2(const struct LocusHost *host,
                                           const struct LocusPlugin **plugin,
                                           struct LocusBytes *error);

#endif
