//go:build (amd64 || arm64) && !nogpu

package library

import "golang.org/x/sys/windows"

// open searches the system folder alone: drivers are there, and nobody else's files.
func open(name string) (uintptr, error) {
	handle, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	return uintptr(handle), err
}

func symbol(handle uintptr, name string) uintptr {
	f, err := windows.GetProcAddress(windows.Handle(handle), name)
	if err != nil {
		return 0
	}
	return f
}
