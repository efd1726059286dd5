/* Makes read-only what was relocated. The loader does that for a dynamic program; in a static one of musl, nobody does. */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096ul

/* The linker's name for the place of this program. */
extern const Elf64_Ehdr __ehdr_start;

__attribute__((constructor)) static void protect(void)
{
	uintptr_t base = (uintptr_t)&__ehdr_start;
	const Elf64_Phdr *header = (const void *)(base + __ehdr_start.e_phoff);
	for (int i = 0; i < __ehdr_start.e_phnum; i++) {
		if (header[i].p_type != PT_GNU_RELRO)
			continue;
		uintptr_t begin = (base + header[i].p_vaddr) & -PAGE;
		uintptr_t end = (base + header[i].p_vaddr + header[i].p_memsz) & -PAGE;
		if (mprotect((void *)begin, end - begin, PROT_READ) != 0)
			abort();
	}
}
