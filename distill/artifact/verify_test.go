package artifact

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// Whatever a byte is changed to, VerifySet accepts what ReadSet accepts.
func TestVerifyingInPiecesDecidesAsReadingWhole(t *testing.T) {
	for name, set := range verifiable(t) {
		t.Run(name, func(t *testing.T) {
			check := func(what string, files Files) {
				t.Helper()
				read, wantErr := ReadSet(files, set.task, Limits{})
				m, err := VerifySet(files, set.task, Limits{})
				if (err == nil) != (wantErr == nil) {
					t.Errorf("%s: verified: %v, read: %v", what, err, wantErr)
				}
				if err == nil && wantErr == nil && !reflect.DeepEqual(m, read.Manifest) {
					t.Errorf("%s: another manifest:\n%v\n%v", what, m, read.Manifest)
				}
			}
			check("unchanged", set.files)
			size := len(set.files[set.data])
			for _, at := range []int{8, 100, size / 2, size - 1} {
				for _, flip := range []byte{1, 0x40, 0xff} {
					files := maps.Clone(set.files)
					files[set.data] = slices.Clone(files[set.data])
					files[set.data][min(at, size-1)] ^= flip
					check(fmt.Sprintf("byte %d, bits %x", at, flip), set.sealed(t, files))
				}
			}
		})
	}
}

func TestMemoryOfVerifyingDoesNotGrowWithTheSet(t *testing.T) {
	task := data.WellKnownTask("mnist")
	size := task.Shape.Size()
	n := 24 << 20 / size
	s := &data.Samples{Shape: task.Shape, Classes: len(task.Classes), X: make([]float32, n*size), Y: make([]int, n)}
	tensors, err := encodeSamples(s, U8)
	if err != nil {
		t.Fatal(err)
	}
	file, err := checkpoint.Encode(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, tensors = nil, nil
	places, _, err := checkpoint.DecodeHeader(bytes.NewReader(file), int64(len(file)), checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{Formation: data.NewFormation(1), Images: ImagesInfo{Count: n, DType: U8, Labels: "hard",
		Shape: [3]int{task.Shape.C, task.Shape.H, task.Shape.W}}, Counts: append([]int{n}, make([]int, 9)...)}
	inUse := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before, peak, reads := inUse(), int64(0), 0
	at := memoryFile(file)
	watched := section(func(offset, bytes int64) (r io.ReadCloser, err error) {
		r, err = at(offset, bytes)
		return watch{r, func() {
			if reads++; reads%64 == 0 {
				peak = max(peak, inUse())
			}
		}}, err
	})
	if err := m.verifyTensors(task, places, watched, Limits{}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	if more := peak - before; peak == 0 || more > 8<<20 {
		t.Errorf("%d bytes are in use beside the file of %d, after %d reads", more, len(file), reads)
	}
}

// watch calls a function at each read.
type watch struct {
	io.ReadCloser
	read func()
}

func (w watch) Read(p []byte) (int, error) {
	w.read()
	return w.ReadCloser.Read(p)
}

func TestFilesBeyondTheirBoundsAreNotRead(t *testing.T) {
	for name, set := range verifiable(t) {
		if _, whole := set.files[PreviewFile]; !whole {
			continue
		}
		for file, most := range map[string]Limits{
			ManifestFile: {ManifestBytes: 10}, PreviewFile: {PreviewBytes: 10}, CardFile: {CardBytes: 10},
			DataFile: {FileBytes: 10},
		} {
			_, err := VerifySet(set.files, set.task, most)
			_, readErr := ReadSet(set.files, set.task, most)
			for _, err := range []error{err, readErr} {
				if err == nil || !strings.Contains(err.Error(), file) {
					t.Errorf("%s: %s of more than 10 bytes: %v", name, file, err)
				}
			}
		}
		for _, claim := range []int64{0, 10, 1 << 40} {
			if _, err := VerifySet(lying{set.files, claim}, set.task, Limits{}); err == nil {
				t.Errorf("%s: accepted with sizes claimed as %d", name, claim)
			}
		}
	}
}

// lying is files that claim a size.
type lying struct {
	fs.FS
	size int64
}

func (l lying) Open(name string) (fs.File, error) {
	f, err := l.FS.Open(name)
	if err != nil || name == "." {
		return f, err
	}
	return lyingFile{f, l.size}, nil
}

type lyingFile struct {
	fs.File
	size int64
}

func (f lyingFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return lyingInfo{info, f.size}, err
}

type lyingInfo struct {
	fs.FileInfo
	size int64
}

func (i lyingInfo) Size() int64 { return i.size }

// verifiableSet is a set whose data file, or only file, a test changes.
type verifiableSet struct {
	files Files
	task  *data.Task
	data  string
}

// sealed lets the manifest agree with the hash of the data.
func (v verifiableSet) sealed(t *testing.T, files Files) Files {
	if v.data == DataFile {
		edit(t, files, func(m map[string]any) {
			m["files"].(map[string]any)[DataFile] = fileTable(files)[DataFile]
		})
	}
	return files
}

func verifiable(t *testing.T) map[string]verifiableSet {
	t.Helper()
	out := map[string]verifiableSet{}
	for _, pixels := range []PixelType{U4, U8, F16, F32} {
		files, task := write(t, pixels)
		out[string(pixels)] = verifiableSet{files, task, DataFile}
	}
	for name, soft := range map[string]bool{"code": false, "code, soft labels": true} {
		v := verifiableSet{golden(t, soft), blobs("").Task, DataFile}
		if _, small := v.files[SmallFile]; small {
			v.data = SmallFile
		}
		out[name] = v
	}
	return out
}
