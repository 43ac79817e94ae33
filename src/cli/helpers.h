/* helpers.h: what runs in child processes of ours (base/helper.h), by name. */
#ifndef CLI_HELPERS_H
#define CLI_HELPERS_H

/* main() calls this before anything else when argv[1] is "__helper". Returns an exit status. */
int oc_helper_main(int argc, char **argv);

#endif
