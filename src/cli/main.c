#include <stdio.h>

int main(void)
{
	puts("outcross");
	return 0;
}
