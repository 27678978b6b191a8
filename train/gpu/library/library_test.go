package library

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// libc is the C library, or skips.
func libc(t *testing.T) *Library {
	t.Helper()
	if !Built || runtime.GOOS != "linux" {
		t.Skip("this test loads Linux's C library")
	}
	l, err := Open("libc.so.6")
	if err != nil {
		t.Skipf("no C library of GNU: %v", err)
	}
	return l
}

func TestFunctionsAreCalledWithTheirArguments(t *testing.T) {
	l := libc(t)
	if got := l.Find("labs").Call(^uintptr(41)); got != 42 {
		t.Errorf("labs(-42) is %d", got)
	}
	text := []byte("four\x00")
	if got := l.Find("strlen").Call(uintptr(unsafe.Pointer(&text[0]))); got != 4 {
		t.Errorf("strlen is %d", got)
	}
	if got := l.Find("no such function", "strlen"); got == 0 {
		t.Error("the second name was not tried")
	}
}

func TestFunctionsThatALibraryLacksAreNamed(t *testing.T) {
	l := libc(t)
	var known, missing, other Function
	err := l.Bind(map[string]*Function{"strlen": &known, "cuNew_v2 cuNew": &missing, "cuOther": &other})
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "cuNew_v2, cuOther") || known == 0 {
		t.Errorf("got %v", err)
	}
}

func TestALibraryThatCannotBeLoadedIsSaidInOneLine(t *testing.T) {
	if !Built {
		t.Skip("this program loads no libraries")
	}
	broken := filepath.Join(t.TempDir(), "libbroken.so")
	if err := os.WriteFile(broken, []byte("of another processor's kind\nor no library at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"libnot-installed.so.9"}, {broken}, {broken, "libnot-installed.so.9"}, nil} {
		_, err := Open(names...)
		if !errors.Is(err, ErrAbsent) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", names, err)
		}
		if len(names) == 2 && !strings.Contains(err.Error(), "libbroken") {
			t.Errorf("the reason of the library that is there was lost: %v", err)
		}
	}
}

func TestCallsWithArgumentsInPlaceAllocateNothing(t *testing.T) {
	f, args := libc(t).Find("labs"), make([]uintptr, 11)
	if n := testing.AllocsPerRun(100, func() { f.Call(args...) }); n > 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkCall(b *testing.B) {
	l, err := Open("libc.so.6")
	if err != nil {
		b.Skip(err)
	}
	f := l.Find("labs")
	args := make([]uintptr, 11)
	b.ReportAllocs()
	for b.Loop() {
		f.Call(args...)
	}
}
