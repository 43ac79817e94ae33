/*
 * store_seg.h: the segment files of the reply store: framing, compression and scanning.
 *
 * A segment is a 16-byte head and records. A record is a 40-byte frame and its payload. Numbers are
 * little-endian. The checksum covers frame and payload, so a torn or damaged record is never
 * believed. Bodies are compressed one record at a time (a reply must be readable by one read) with
 * zstd; what records of a segment have in common is taken from a dictionary, which is a record of
 * the same segment made of its first bodies.
 */
#ifndef LLM_STORE_SEG_H
#define LLM_STORE_SEG_H

#include "llm/store.h"

#define SEG_HEAD 16                  /* bytes before the first record */
#define SEG_FULL (256u << 20)        /* a record that begins beyond goes into the next segment */
#define SEG_NEAR ((uint32_t)1 << 31) /* payloads are smaller than this */

enum seg_type {
	SEG_INTENT = 1,
	SEG_REPLY = 2,
	SEG_FAILURE = 3,
	SEG_DICT = 4,
	SEG_DROP = 5,
	SEG_SITTING = 6
};

struct seg_frame {
	uint32_t magic;
	uint8_t type; /* enum seg_type */
	uint8_t zero[3];
	uint32_t len;  /* of the payload */
	uint32_t dict; /* offset of the dictionary's record in this segment, 0 = none */
	struct oc_hash128 key;
	uint64_t check; /* XXH3-64 of the frame with check = 0, then continued by the payload */
};

/* Payload of a reply or failure: this, then the compressed request, reply and error text. */
struct seg_meta {
	int32_t status;
	uint32_t prompt_tokens, completion_tokens;
	uint32_t attempts, unknown;
	uint32_t request_len, reply_len, error_len; /* before compression */
	uint32_t estimated;
	uint32_t run; /* who paid, 0 = not said */
	double cost, unknown_cost, seconds, time;
};

/* Payload of an intent. Older ones end behind `cost`. One that moved into a new segment names no
 * run: it was counted where it began. */
struct seg_intent {
	double cost; /* at most */
	uint64_t tokens;
	uint32_t run, zero;
};

/* Payload of a drop. Older ones end behind `cost`. */
struct seg_drop {
	uint64_t unknown;
	double cost;
	uint32_t run, zero;
};

/* Payload of a sitting: before the first intent of a process. What its run had asked before and has
 * no outcome will have none. */
struct seg_sitting {
	uint32_t run, zero;
};

/* What of a payload is there; the rest is zero. False: less than `least`. */
static inline bool seg_take(void *to, size_t size, size_t least, const char *payload, size_t len)
{
	memset(to, 0, size);
	memcpy(to, payload, len < size ? len : size);
	return len >= least;
}

/* Appends a whole record to `out`. */
void seg_frame_add(struct oc_buf *out, enum seg_type type, struct oc_hash128 key, uint32_t dict,
                   const void *payload, size_t len);

/* 1: the bytes at `p` begin with a whole valid record; 0: they do not. */
int seg_frame_check(const char *p, size_t len, struct seg_frame *out);

/*
 * Calls `fn` for each valid record from offset `from` on (0 = the first). Damaged stretches between
 * valid records are passed over and counted in *skipped (bytes). Returns the end of the last valid
 * record, or -1. O(bytes).
 */
typedef int seg_scan_fn(void *user, const struct seg_frame *f, uint64_t offset, const char *payload,
                        struct oc_err *err);
int64_t seg_scan(int fd, const char *path, uint64_t from, seg_scan_fn *fn, void *user,
                 uint64_t *skipped, struct oc_err *err);

/*
 * Those who open a store take turns: a segment that another one has locked to recover it is not in
 * the index yet, and whoever went by would pay for its replies again. Where folders cannot be
 * locked (NFS), and once cancelled, nobody waits. Closing the returned descriptor (or -1) ends the
 * turn.
 */
int seg_turn(struct oc_ctx *ctx, const char *dir);

int seg_head_write(int fd, const char *path, struct oc_err *err);
/* Refuses files that are not segments or are of a newer version. 1 fine, 0 empty, -1 refused. */
int seg_head_check(int fd, const char *path, struct oc_err *err);

/* Compressor of one writer, decompressors of many readers. */
struct seg_zip;
struct seg_zip *seg_zip_new(void);
void seg_zip_free(struct seg_zip *z);
/* Later records are packed against these bytes (copied), which lie in the record at `offset`. */
void seg_zip_dict(struct seg_zip *z, const char *p, size_t len, uint32_t offset);
/* Forgets the dictionary and its samples: a new segment begins. */
void seg_zip_reset(struct seg_zip *z);
/* Payload of a reply or failure into `out`; returns the dictionary's offset. */
uint32_t seg_pack(struct seg_zip *z, const struct oc_record *r, uint32_t run, struct oc_buf *out);
/* Learns from a body; true when the samples suffice and seg_zip_sample should be written. */
bool seg_zip_learn(struct seg_zip *z, const struct oc_record *r);
struct oc_str seg_zip_sample(const struct seg_zip *z);

/* Decompressor of one reader of one segment. */
struct seg_unzip;
struct seg_unzip *seg_unzip_new(void);
void seg_unzip_free(struct seg_unzip *u);
void seg_unzip_dict(struct seg_unzip *u, const char *p, size_t len); /* copied */

/* Fills `r` from a payload; its strings are allocated together. */
int seg_unpack(struct seg_unzip *u, const char *payload, size_t len, bool with_dict,
               struct oc_record *r, struct oc_err *err);

#endif
