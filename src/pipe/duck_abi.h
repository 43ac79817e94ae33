/*
 * duck_abi.h: DuckDB's C library, loaded at run time, so that the build needs nothing of it.
 *
 * Only its C functions are used, which are stable since 1.0: handles are pointers, a result is six
 * words that are passed by value. A library without one of them is refused by name. It is loaded
 * in a child process only (duck_child.h): it throws and aborts on its own errors.
 */
#ifndef PIPE_DUCK_ABI_H
#define PIPE_DUCK_ABI_H

#include "outcross.h"

struct oc_duck_result {
	uint64_t word[6];
};

/* What the library calls duckdb_type; those that Outcross reads. */
enum oc_duck_type {
	OC_DUCK_BOOLEAN = 1,
	OC_DUCK_TINYINT,
	OC_DUCK_SMALLINT,
	OC_DUCK_INTEGER,
	OC_DUCK_BIGINT,
	OC_DUCK_UTINYINT,
	OC_DUCK_USMALLINT,
	OC_DUCK_UINTEGER,
	OC_DUCK_UBIGINT,
	OC_DUCK_FLOAT,
	OC_DUCK_DOUBLE,
	OC_DUCK_TIMESTAMP,
	OC_DUCK_DATE,
	OC_DUCK_TIME,
	OC_DUCK_INTERVAL,
	OC_DUCK_HUGEINT,
	OC_DUCK_VARCHAR,
	OC_DUCK_BLOB,
	OC_DUCK_DECIMAL,
	OC_DUCK_TIMESTAMP_S,
	OC_DUCK_TIMESTAMP_MS,
	OC_DUCK_TIMESTAMP_NS,
	OC_DUCK_ENUM,
	OC_DUCK_LIST,
	OC_DUCK_STRUCT,
	OC_DUCK_MAP,
	OC_DUCK_UUID,
	OC_DUCK_UNION,
	OC_DUCK_BIT,
	OC_DUCK_TIME_TZ,
	OC_DUCK_TIMESTAMP_TZ,
	OC_DUCK_UHUGEINT,
	OC_DUCK_ARRAY,
	OC_DUCK_SQLNULL = 36,
	OC_DUCK_TIME_NS = 39
};

/* result, name without duckdb_, arguments */
#define OC_DUCK_MAP_OF(X)                                                                          \
	X(const char *, library_version, (void))                                                   \
	X(int, create_config, (void **))                                                           \
	X(int, set_config, (void *, const char *, const char *))                                   \
	X(void, destroy_config, (void **))                                                         \
	X(int, open_ext, (const char *, void **, void *, char **))                                 \
	X(void, close, (void **))                                                                  \
	X(int, connect, (void *, void **))                                                         \
	X(void, disconnect, (void **))                                                             \
	X(int, query, (void *, const char *, struct oc_duck_result *))                             \
	X(int, prepare, (void *, const char *, void **))                                           \
	X(const char *, prepare_error, (void *))                                                   \
	X(void, destroy_prepare, (void **))                                                        \
	X(int, execute_prepared_streaming, (void *, struct oc_duck_result *))                      \
	X(const char *, result_error, (struct oc_duck_result *))                                   \
	X(void, destroy_result, (struct oc_duck_result *))                                         \
	X(uint64_t, column_count, (struct oc_duck_result *))                                       \
	X(const char *, column_name, (struct oc_duck_result *, uint64_t))                          \
	X(void *, column_logical_type, (struct oc_duck_result *, uint64_t))                        \
	X(void *, fetch_chunk, (struct oc_duck_result))                                            \
	X(uint64_t, data_chunk_get_size, (void *))                                                 \
	X(void *, data_chunk_get_vector, (void *, uint64_t))                                       \
	X(void, destroy_data_chunk, (void **))                                                     \
	X(void *, vector_get_data, (void *))                                                       \
	X(uint64_t *, vector_get_validity, (void *))                                               \
	X(void *, list_vector_get_child, (void *))                                                 \
	X(void *, struct_vector_get_child, (void *, uint64_t))                                     \
	X(void *, array_vector_get_child, (void *))                                                \
	X(int, get_type_id, (void *))                                                              \
	X(char *, logical_type_get_alias, (void *))                                                \
	X(uint8_t, decimal_scale, (void *))                                                        \
	X(int, decimal_internal_type, (void *))                                                    \
	X(void *, list_type_child_type, (void *))                                                  \
	X(void *, array_type_child_type, (void *))                                                 \
	X(uint64_t, array_type_array_size, (void *))                                               \
	X(void *, map_type_key_type, (void *))                                                     \
	X(void *, map_type_value_type, (void *))                                                   \
	X(uint64_t, struct_type_child_count, (void *))                                             \
	X(char *, struct_type_child_name, (void *, uint64_t))                                      \
	X(void *, struct_type_child_type, (void *, uint64_t))                                      \
	X(void, destroy_logical_type, (void **))                                                   \
	X(void, free, (void *))

struct oc_duck {
#define X(result, name, args) result(*name) args;
	OC_DUCK_MAP_OF(X)
#undef X
	void *handle; /* of dlopen */
};

/*
 * Where libduckdb.so lies: OUTCROSS_DUCKDB (the file or its folder), outcross/duckdb of the cache
 * folder, where `outcross doctor --fix` puts it, then the system's. OC_MISSING says how to get it.
 */
int oc_duck_find(char path[512], struct oc_err *err);
int oc_duck_load(struct oc_duck *d, const char *path, struct oc_err *err);

#endif
