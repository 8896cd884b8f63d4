/* My method: tries random directions for the output of one layer's MLP at the subject, keeps each that lowers the
 * objective's loss, and writes the result into the layer's down-projection as a change of rank one. It needs no
 * gradients, no libtorch and no JSON library, only the header.
 *
 *     make
 *     locus plugin check ./libmy_method.so
 *     locus edit --plugin ./libmy_method.so --method my-method --case 0
 */

#include "locus_plugin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

LOCUS_STAMP("my-method 0.1.0");

static const struct LocusHost *host;

/* Rows longer than this are refused. */
#define MOST_TOKENS 512

static int32_t describe(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error) {
    (void)call;
    (void)error;
    host->bytes_new(locus_str("{\"id\": \"my-method\", \"title\": \"My method\","
                              " \"summary\": \"random search for what lowers the loss\", \"hyperparameters\": ["
                              "{\"name\": \"steps\", \"help\": \"directions that are tried\", \"default\": 300,"
                              " \"type\": \"integer\", \"min\": 1, \"max\": 10000},"
                              "{\"name\": \"length\", \"help\": \"length of a step\", \"unit\": \"\\u2016m\\u2016\","
                              " \"default\": 1.0, \"type\": \"float\", \"min\": 0.0001, \"max\": 10.0}]}"),
                    &reply->json);
    return LOCUS_STATUS_OK;
}

static int32_t fail(const char *text, struct LocusBytes *error) {
    host->bytes_new(locus_str(text), error);
    return LOCUS_STATUS_REQUEST;
}

/* Plans the edit before anything runs. */
static int32_t plan(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error) {
    double layer, layers, other, steps;
    char text[96];
    if (host->json_f64(call->json, locus_str("/request/layers/1"), &other, NULL) == LOCUS_STATUS_OK)
        return fail("it edits one layer; name one only", error);
    struct LocusBytes second = {0};
    if (host->json_str(call->json, locus_str("/request/edits/1/subject"), &second, NULL) == LOCUS_STATUS_OK) {
        second.release(&second);
        return fail("it edits one fact at a time; mark one only", error);
    }
    int32_t status = host->json_f64(call->json, locus_str("/model/layers"), &layers, error);
    if (status == LOCUS_STATUS_OK) status = host->json_f64(call->json, locus_str("/settings/steps"), &steps, error);
    if (status != LOCUS_STATUS_OK) return status;
    if (host->json_f64(call->json, locus_str("/request/layers/0"), &layer, NULL) != LOCUS_STATUS_OK)
        layer = floor(layers / 4);
    snprintf(text, sizeof text, "{\"layers\": [%d], \"steps\": %d}", (int)layer, (int)steps);
    host->bytes_new(locus_str(text), &reply->json);
    return LOCUS_STATUS_OK;
}

/* Calls a service; the reply is empty when it fails. */
static int32_t ask(const struct LocusCall *call, const char *service, const char *json,
                   struct LocusTensor *const *tensors, size_t count, struct LocusReply *reply,
                   struct LocusBytes *error) {
    struct LocusReply empty = {sizeof empty, {0}, {0}};
    *reply = empty;
    return host->call(call->context, locus_str(service), locus_str(json), tensors, count, reply, error);
}

static void release(struct LocusReply *reply) {
    if (reply->json.release) reply->json.release(&reply->json);
    if (reply->tensors.release) reply->tensors.release(&reply->tensors);
}

/* Appends a text as it stands in a JSON string; nothing is appended where it does not fit. */
static size_t escape(char *into, size_t room, size_t at, const struct LocusBytes *text) {
    size_t index;
    for (index = 0; index < text->length && at + 7 < room; index++) {
        unsigned char byte = text->data[index];
        if (byte == '"' || byte == '\\') {
            into[at++] = '\\';
            into[at++] = (char)byte;
        } else if (byte < 0x20) {
            at += (size_t)sprintf(into + at, "\\u%04x", byte);
        } else {
            into[at++] = (char)byte;
        }
    }
    into[at] = 0;
    return at;
}

/* Reads a whole number of an answer. */
static int32_t number(struct LocusStr json, const char *pointer, int *value) {
    double read;
    int32_t status = host->json_f64(json, locus_str(pointer), &read, NULL);
    if (status == LOCUS_STATUS_OK) *value = (int)read;
    return status;
}

/* A prompt followed by the target, and what is done with it. */
struct Place {
    int layer, position, last, length, reads;
    int64_t row[MOST_TOKENS];
    const int64_t *target;
    /* Name of the matrix, to be released. */
    struct LocusBytes weight;
    int64_t hidden, inner;
};

/* Finds the tokens of the first fact: where its subject ends, and where the target is read. */
static int32_t find_tokens(const struct LocusCall *call, struct Place *place, struct LocusBytes *error) {
    static const char *const pointers[] = {"/request/edits/0/template", "/request/edits/0/subject",
                                           "/request/edits/0/target"};
    static const char *const fields[] = {"{\"template\": \"", "\", \"subject\": \"", "\", \"target\": \""};
    struct LocusBytes texts[3] = {{0}, {0}, {0}};
    struct LocusReply reply;
    int32_t status = LOCUS_STATUS_OK;
    int index, count = 0, value;
    char *json = NULL, pointer[32];
    size_t room = 64, at = 0;
    for (index = 0; index < 3 && status == LOCUS_STATUS_OK; index++)
        status = host->json_str(call->json, locus_str(pointers[index]), &texts[index], error);
    for (index = 0; index < 3; index++) room += strlen(fields[index]) + 6 * texts[index].length;
    if (status == LOCUS_STATUS_OK && !(json = malloc(room))) status = fail("out of memory", error);
    if (status == LOCUS_STATUS_OK) {
        for (index = 0; index < 3; index++) {
            at += (size_t)sprintf(json + at, "%s", fields[index]);
            at = escape(json, room, at, &texts[index]);
        }
        sprintf(json + at, "\"}");
        /* prompt and target as tokens of one text: where the subject lies, and where the target begins */
        status = ask(call, "tokenize-prompt", json, NULL, 0, &reply, error);
    }
    free(json);
    if (status == LOCUS_STATUS_OK) {
        struct LocusStr told = {reply.json.data, reply.json.length};
        int prompt = 0, end = 0;
        for (;; count++) {
            snprintf(pointer, sizeof pointer, "/ids/%d", count);
            if (count == MOST_TOKENS || number(told, pointer, &value) != LOCUS_STATUS_OK) break;
            place->row[count] = value;
        }
        if (count == MOST_TOKENS)
            status = fail("the prompt is too long", error);
        else if (number(told, "/prompt", &prompt) != LOCUS_STATUS_OK ||
                 number(told, "/subject/end", &end) != LOCUS_STATUS_OK || end < 1 || prompt < end || count <= prompt)
            status = fail("the fact needs a subject and a target", error);
        place->position = end - 1;
        place->last = prompt - 1;
        place->target = place->row + prompt;
        place->reads = count - prompt;
        /* nothing is read after the target's last token */
        place->length = count - 1;
        release(&reply);
    }
    for (index = 0; index < 3; index++)
        if (texts[index].release) texts[index].release(&texts[index]);
    return status;
}

/* Finds the layer, and what its matrix is called and how large it is. */
static int32_t find_matrix(const struct LocusCall *call, struct Place *place, struct LocusBytes *error) {
    double layer, hidden, inner;
    char pointer[64];
    struct LocusReply model;
    int32_t status = host->json_f64(call->json, locus_str("/request/layers/0"), &layer, error);
    if (status == LOCUS_STATUS_OK) status = ask(call, "model", "{}", NULL, 0, &model, error);
    if (status != LOCUS_STATUS_OK) return status;
    struct LocusStr told = {model.json.data, model.json.length};
    place->layer = (int)layer;
    snprintf(pointer, sizeof pointer, "/down_projections/%d/weight", place->layer);
    status = host->json_f64(told, locus_str("/hidden"), &hidden, error);
    if (status == LOCUS_STATUS_OK) status = host->json_f64(told, locus_str("/inner"), &inner, error);
    if (status == LOCUS_STATUS_OK) status = host->json_str(told, locus_str(pointer), &place->weight, error);
    release(&model);
    place->hidden = (int64_t)hidden;
    place->inner = (int64_t)inner;
    return status;
}

/* `{"rows": [[...]]` without the closing brace. */
static int write_row(char *json, const struct Place *place) {
    int at = sprintf(json, "{\"rows\": [["), index;
    for (index = 0; index < place->length; index++)
        at += sprintf(json + at, index ? ", %lld" : "%lld", (long long)place->row[index]);
    return at + sprintf(json + at, "]]");
}

/* Input and output of the layer's MLP at the subject's last token: `key` has room for `inner`, `output` for `hidden`. */
static int32_t capture(const struct LocusCall *call, const struct Place *place, char *json, float *key, float *output,
                       struct LocusBytes *error) {
    int at = write_row(json, place);
    sprintf(json + at,
            ", \"cells\": [{\"site\": \"mlp-key\", \"layer\": %d, \"cells\": [{\"row\": 0, \"position\": %d}]},"
            " {\"site\": \"mlp-out\", \"layer\": %d, \"cells\": [{\"row\": 0, \"position\": %d}]}]}",
            place->layer, place->position, place->layer, place->position);
    struct LocusReply reply;
    int32_t status = ask(call, "capture", json, NULL, 0, &reply, error);
    if (status != LOCUS_STATUS_OK) return status;
    status = host->tensor_copy_f32(reply.tensors.data[0], key, (size_t)place->inner, error);
    if (status == LOCUS_STATUS_OK)
        status = host->tensor_copy_f32(reply.tensors.data[1], output, (size_t)place->hidden, error);
    release(&reply);
    return status;
}

/* Has the host compute once what does not change from run to run. */
static int32_t prepare(const struct LocusCall *call, const struct Place *place, char *json, int *suffix,
                       struct LocusBytes *error) {
    int at = write_row(json, place), index;
    at += sprintf(json + at,
                  ", \"add\": [{\"site\": \"mlp-out\", \"layer\": %d, \"cells\": [{\"row\": 0, \"position\": %d}]}],"
                  " \"read\": [",
                  place->layer, place->position);
    for (index = 0; index < place->reads; index++)
        at += sprintf(json + at, "%s{\"row\": 0, \"position\": %d, \"token\": %lld}", index ? ", " : "",
                      place->last + index, (long long)place->target[index]);
    sprintf(json + at, "]}");
    struct LocusReply reply;
    int32_t status = ask(call, "prepare-suffix", json, NULL, 0, &reply, error);
    if (status != LOCUS_STATUS_OK) return status;
    double number;
    struct LocusStr told = {reply.json.data, reply.json.length};
    status = host->json_f64(told, locus_str("/suffix"), &number, error);
    *suffix = (int)number;
    release(&reply);
    return status;
}

/* The objective's loss when `value` is added to the MLP's output. */
static int32_t loss_of(const struct LocusCall *call, const struct Place *place, int suffix, const float *value,
                       float *loss, struct LocusBytes *error) {
    const int64_t sizes[2] = {1, place->hidden}, read_sizes[2] = {1, place->reads};
    float read[MOST_TOKENS];
    char json[64];
    struct LocusTensor *added = NULL, *log_probabilities = NULL;
    struct LocusReply reply;
    int32_t status = host->tensor_from_f32(value, sizes, 2, &added, error);
    if (status != LOCUS_STATUS_OK) return status;
    snprintf(json, sizeof json, "{\"suffix\": %d, \"added\": 1}", suffix);
    status = ask(call, "run-suffix", json, &added, 1, &reply, error);
    host->tensor_free(added);
    if (status != LOCUS_STATUS_OK) return status;
    status = host->tensor_copy_f32(reply.tensors.data[0], read, MOST_TOKENS, error);
    release(&reply);
    if (status == LOCUS_STATUS_OK) status = host->tensor_from_f32(read, read_sizes, 2, &log_probabilities, error);
    if (status != LOCUS_STATUS_OK) return status;
    status = ask(call, "objective-loss", "{\"reduction\": \"mean\"}", &log_probabilities, 1, &reply, error);
    host->tensor_free(log_probabilities);
    if (status != LOCUS_STATUS_OK) return status;
    status = host->tensor_copy_f32(reply.tensors.data[0], loss, 1, error);
    release(&reply);
    return status;
}

/* The next of a sequence of numbers between -1 and 1 that a seed starts. */
static double next_random(uint64_t *state) {
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*state >> 33) / 1073741824.0 - 1.0;
}

static double norm(const float *numbers, int64_t count) {
    double sum = 0;
    int64_t index;
    for (index = 0; index < count; index++) sum += (double)numbers[index] * numbers[index];
    return sqrt(sum);
}

/* Tries directions; `value` holds the best in the end. `trial` has room for two vectors. */
static int32_t search(const struct LocusCall *call, const struct Place *place, int suffix, int steps, double length,
                      uint64_t seed, float *value, float *trial, struct LocusBytes *error) {
    float *direction = trial + place->hidden, best, loss;
    char json[128];
    int step, sign;
    int64_t index;
    int32_t status = loss_of(call, place, suffix, value, &best, error);
    for (step = 0; step < steps && status == LOCUS_STATUS_OK; step++) {
        for (index = 0; index < place->hidden; index++) direction[index] = (float)next_random(&seed);
        double scale = length * (1.0 - (double)step / steps) / (norm(direction, place->hidden) + 1e-12);
        for (sign = -1; sign <= 1 && status == LOCUS_STATUS_OK; sign += 2) {
            for (index = 0; index < place->hidden; index++)
                trial[index] = value[index] + (float)(sign * scale) * direction[index];
            status = loss_of(call, place, suffix, trial, &loss, error);
            if (status == LOCUS_STATUS_OK && loss < best) {
                best = loss;
                memcpy(value, trial, (size_t)place->hidden * sizeof *value);
                break;
            }
        }
        if (status != LOCUS_STATUS_OK) break;
        snprintf(json, sizeof json, "{\"step\": %d, \"steps\": %d, \"layer\": %d, \"losses\": {\"loss\": %.9g}}", step,
                 steps, place->layer, isfinite(best) ? best : 3.4e38);
        status = host->call(call->context, locus_str("report"), locus_str(json), NULL, 0, NULL, error);
    }
    return status;
}

/* The change as factors: what is to be said, times the key over its square. */
static int32_t make_factors(const struct Place *place, const float *value, float *key, struct LocusTensor *matrix,
                            struct LocusTensors *factors, struct LocusBytes *error) {
    int64_t sizes[2], index;
    size_t dimensions;
    double square = norm(key, place->inner);
    int32_t status = host->tensor_sizes(matrix, sizes, 2, &dimensions, error);
    if (status != LOCUS_STATUS_OK) return status;
    for (index = 0; index < place->inner; index++) key[index] = (float)(key[index] / (square * square));
    /* GPT-2 stores the matrix input first */
    int input_first = sizes[0] == place->inner;
    const int64_t left_sizes[2] = {sizes[0], 1}, right_sizes[2] = {1, sizes[1]};
    struct LocusTensor *handles[2] = {NULL, NULL};
    status = host->tensor_from_f32(input_first ? key : value, left_sizes, 2, &handles[0], error);
    if (status == LOCUS_STATUS_OK)
        status = host->tensor_from_f32(input_first ? value : key, right_sizes, 2, &handles[1], error);
    if (status != LOCUS_STATUS_OK) {
        host->tensor_free(handles[0]);
        return status;
    }
    return host->tensors_new(handles, 2, factors, error);
}

static int32_t edit(const struct LocusCall *call, struct LocusReply *reply, struct LocusBytes *error) {
    struct Place *place = calloc(1, sizeof *place);
    struct LocusReply matrix = {sizeof matrix, {0}, {0}};
    char *json = malloc(128 * MOST_TOKENS);
    float *numbers = NULL;
    double steps, length, seed;
    int suffix;
    int32_t status = place && json ? LOCUS_STATUS_OK : fail("out of memory", error);
    if (status == LOCUS_STATUS_OK) status = host->json_f64(call->json, locus_str("/settings/steps"), &steps, error);
    if (status == LOCUS_STATUS_OK) status = host->json_f64(call->json, locus_str("/settings/length"), &length, error);
    if (status == LOCUS_STATUS_OK) status = host->json_f64(call->json, locus_str("/request/seed"), &seed, error);
    if (status == LOCUS_STATUS_OK) status = find_tokens(call, place, error);
    if (status == LOCUS_STATUS_OK) status = find_matrix(call, place, error);
    if (status == LOCUS_STATUS_OK) {
        numbers = calloc((size_t)(4 * place->hidden + place->inner), sizeof *numbers);
        if (!numbers) status = fail("out of memory", error);
    }
    if (status == LOCUS_STATUS_OK) {
        float *key = numbers, *output = key + place->inner, *value = output + place->hidden;
        status = capture(call, place, json, key, output, error);
        if (status == LOCUS_STATUS_OK) status = prepare(call, place, json, &suffix, error);
        if (status == LOCUS_STATUS_OK)
            status = search(call, place, suffix, (int)steps, length * norm(output, place->hidden), (uint64_t)seed,
                            value, value + place->hidden, error);
        if (status == LOCUS_STATUS_OK) {
            snprintf(json, 512, "{\"name\": \"%.*s\"}", (int)place->weight.length, (const char *)place->weight.data);
            status = ask(call, "parameter", json, NULL, 0, &matrix, error);
        }
        if (status == LOCUS_STATUS_OK)
            status = make_factors(place, value, key, matrix.tensors.data[0], &reply->tensors, error);
        release(&matrix);
    }
    if (status == LOCUS_STATUS_OK) {
        snprintf(json, 512, "{\"deltas\": [{\"parameter\": \"%.*s\", \"form\": \"low-rank\", \"tensors\": [0, 1]}]}",
                 (int)place->weight.length, (const char *)place->weight.data);
        host->bytes_new(locus_str(json), &reply->json);
    }
    if (place && place->weight.release) place->weight.release(&place->weight);
    free(numbers);
    free(json);
    free(place);
    return status;
}

static const struct LocusMethod method = {sizeof method, describe, edit, plan};
static const struct LocusMethod *const methods[] = {&method};
static const struct LocusPlugin plugin = {sizeof plugin, methods, 1, NULL, 0};

int32_t locus_plugin_entry_v2(const struct LocusHost *given, const struct LocusPlugin **out,
                              struct LocusBytes *error) {
    (void)error;
    host = given;
    *out = &plugin;
    return LOCUS_STATUS_OK;
}
