// Package filestest makes test files of every kind that the readers of local data
// know.
package filestest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Folder writes files by slash-separated name and returns where.
func Folder(t testing.TB, content map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range content {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Gzip compresses.
func Gzip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// Zip packs files into a zip archive, in the order of their names.
func Zip(content map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(content)) {
		w, _ := z.Create(name)
		w.Write(content[name])
	}
	z.Close()
	return b.Bytes()
}

// Tar packs files into a tar archive, in the order of their names.
func Tar(content map[string][]byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(content)) {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content[name])), Typeflag: tar.TypeReg})
		w.Write(content[name])
	}
	w.Close()
	return b.Bytes()
}

// NPZ packs arrays by name as numpy.savez does.
func NPZ(arrays map[string][]byte) []byte {
	content := map[string][]byte{}
	for name, b := range arrays {
		content[name+".npy"] = b
	}
	return Zip(content)
}

// NumPy is one array as NumPy writes it, version 1 of the format, of values of any
// fixed-size Go type or a slice of them. A type with > is written big-endian by
// the caller's values.
func NumPy(dtype string, fortran bool, shape string, values any) []byte {
	order := map[bool]string{false: "False", true: "True"}[fortran]
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", dtype, order, shape)
	return NumPyHeader(1, head, values)
}

// NumPyHeader is one array with a header as it stands, of a version of the format.
func NumPyHeader(version byte, head string, values any) []byte {
	head += strings.Repeat(" ", 63-(len(head)+10)%64) + "\n"
	b := bytes.NewBufferString("\x93NUMPY" + string([]byte{version, 0}))
	if version == 1 {
		binary.Write(b, binary.LittleEndian, uint16(len(head)))
	} else {
		binary.Write(b, binary.LittleEndian, uint32(len(head)))
	}
	b.WriteString(head)
	binary.Write(b, binary.LittleEndian, values)
	return b.Bytes()
}

// IDX is an IDX file of unsigned bytes: its dimensions and content.
func IDX(dims []uint32, body []byte) []byte {
	b := bytes.NewBuffer([]byte{0, 0, 8, byte(len(dims))})
	binary.Write(b, binary.BigEndian, dims)
	b.Write(body)
	return b.Bytes()
}

// Values lists all values of a part.
func Values(p *files.Part) []float64 {
	out := make([]float64, p.NumValues())
	for i := range out {
		out[i] = p.At(i)
	}
	return out
}

// CheckPart checks what every reader promises of what it accepts.
func CheckPart(t testing.TB, p *files.Part) {
	t.Helper()
	if n := p.Len(); n == 0 || p.NumValues() != n*p.Size() {
		t.Fatalf("%d values for %d samples of %v", p.NumValues(), n, p.Dims)
	}
	for i, y := range p.Labels {
		if y < 0 || y >= len(p.Names) {
			t.Fatalf("label %d is %d of %d", i, y, len(p.Names))
		}
		p.Where(i)
	}
	for i := range p.NumValues() {
		if v := p.At(i); v-v != 0 {
			t.Fatalf("value %v accepted", v)
		}
	}
}
