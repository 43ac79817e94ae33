/* model_fits.h: whether a model that a stage reads whole fits into what the stage may hold. */
#ifndef CURATE_MODEL_FITS_H
#define CURATE_MODEL_FITS_H

#include "outcross.h"

/* The model takes `times` the bytes of its file. What is no file is left to who opens it. */
int oc_model_fits(const char *path, double times, const struct oc_env *env, struct oc_err *err);

#endif
