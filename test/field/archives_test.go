package field

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// fingerprint is all that a model gets of a case.
func fingerprint(t *testing.T, c fieldCase) string {
	t.Helper()
	ds, err := c.open(t)
	if err != nil {
		t.Fatalf("%v (%s)", err, hintOf(err))
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %v\n", ds.Task.Classes, ds.Task.Shape)
	for _, src := range []data.Source{ds.Train, ds.Test} {
		if src == nil {
			fmt.Fprintln(h, "none")
			continue
		}
		s, err := data.LoadAll(ds.Task, src)
		if err != nil {
			t.Fatal(err)
		}
		s.Digest(h)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// tarLikeTar packs files as the program tar does: folders too, every name behind
// ./, and equal files as hard links when linked is set.
func tarLikeTar(content map[string][]byte, linked bool) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	dirs, first := map[string]bool{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		for d := path.Dir(name); !dirs[d]; d = path.Dir(d) {
			dirs[d] = true
			w.WriteHeader(&tar.Header{Name: "./" + d + "/", Mode: 0o755, Typeflag: tar.TypeDir})
		}
		if at := first[string(content[name])]; linked && at != "" {
			w.WriteHeader(&tar.Header{Name: "./" + name, Linkname: "./" + at, Typeflag: tar.TypeLink})
			continue
		}
		first[string(content[name])] = name
		w.WriteHeader(&tar.Header{Name: "./" + name, Mode: 0o644, Size: int64(len(content[name])),
			Typeflag: tar.TypeReg, Format: tar.FormatGNU})
		w.Write(content[name])
	}
	w.Close()
	return b.Bytes()
}

// Old: archives were not read.
func TestAnArchiveIsReadAsTheFolderInIt(t *testing.T) {
	x, y := ft.Array("<f8", []int{4, 2}, ramp(8, 0, 1)), ft.Array("<i8", []int{4}, []float64{0, 1, 0, 1})
	table := []byte("a,b,label\n1,2,x\n3,4,y\n5,6,x\n")
	sets := map[string]map[string][]byte{
		"pictures": {"a/1.png": pic(1), "a/2.png": pic(1), "b/1.png": pic(2), "b/sub/2.png": pic(3)},
		"pictures of parts": {"train/a/1.png": pic(1), "train/b/1.png": pic(1), "test/a/1.png": pic(3),
			"test/b/1.png": pic(4)},
		"a table":         {"some.csv": table},
		"tables of parts": {"train.csv": table, "test.csv": []byte("label,b,a\nx,9,8\n")},
		"arrays":          {"X.npy": x, "y.npy": y},
		"an npz":          {"d.npz": ft.NPZ(map[string][]byte{"x": x, "y": y})},
		"IDX":             merged(idxPair("train", []byte{0, 1, 2}, 2, 2), idxPair("t10k", []byte{0, 1}, 2, 2)),
		"EMNIST":          idxPair("emnist-letters-train", []byte{1, 2, 3}, 2, 2),
		"Parquet": {"train.parquet": parquetFile([]abRow{{1, "a", 2, 3}, {4, "b", 5, 6}}),
			"test.parquet": parquetFile([]abRow{{7, "b", 8, 9}})},
		"MATLAB": {"d.mat": ft.Mat(ft.Matrix{Name: "X", Dims: []int{4, 2}, Values: ramp(8, 0, 1)},
			ft.Matrix{Name: "y", Dims: []int{4, 1}, Values: []float64{0, 1, 0, 1}})},
		"a pickle": {"d.pkl": ft.Pickle(ft.Dict{"x",
			ft.Nd{DType: "f8", Dims: []int{2, 2}, Values: ramp(4, 0, 1)}, "y", []any{1, 0}})},
	}
	for name, content := range sets {
		t.Run(name, func(t *testing.T) {
			want := fingerprint(t, fieldCase{files: content})
			wrapped := map[string][]byte{}
			for n, b := range content {
				wrapped["set-1.0/"+n] = b
			}
			for file, b := range map[string][]byte{
				"d.zip": ft.Zip(content), "d.tar": ft.Tar(content), "d.tar.gz": ft.Gzip(ft.Tar(content)),
				"d.tgz": ft.Gzip(tarLikeTar(content, false)), "linked.tar": tarLikeTar(content, true),
				"wrapped.zip": ft.Zip(wrapped), "wrapped.tar": tarLikeTar(wrapped,
					true), "d.zip.gz": ft.Gzip(ft.Zip(content)), "none": ft.Zip(content),
			} {
				if got := fingerprint(t, fieldCase{files: map[string][]byte{file: b}, path: file}); got != want {
					t.Errorf("%s is read otherwise", file)
				}
			}
			if got := fingerprint(t, fieldCase{files: map[string][]byte{"in/d.zip": ft.Zip(content),
				"in/README.md": []byte("x")}, path: "in"}); got != want {
				t.Error("a folder with the archive is read otherwise")
			}
		})
	}
}

func TestWhatArchivesLackIsTold(t *testing.T) {
	link := func(kind byte, target string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		w.WriteHeader(&tar.Header{Name: "a/1.png", Mode: 0o644, Size: int64(len(pic(1))), Typeflag: tar.TypeReg})
		w.Write(pic(1))
		w.WriteHeader(&tar.Header{Name: "b/1.png", Mode: 0o644, Size: int64(len(pic(2))), Typeflag: tar.TypeReg})
		w.Write(pic(2))
		w.WriteHeader(&tar.Header{Name: "b/2.png", Linkname: target, Typeflag: kind})
		w.Close()
		return b.Bytes()
	}
	emptyClass := tarLikeTar(map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2), "c/x.txt": []byte("x")}, false)
	whole := ft.Zip(map[string][]byte{"a/1.png": pic(1), "b/1.png": pic(2)})
	walk(t, []fieldCase{
		{name: "a hard link", files: map[string][]byte{"d.tar": link(tar.TypeLink, "a/1.png")}, path: "d.tar",
			train: shown(1, 2, 1)},
		{name: "a hard link to nothing", files: map[string][]byte{"d.tar": link(tar.TypeLink, "a/9.png")},
			path: "d.tar", refused: "a/9.png"},
		{name: "a symbolic link", files: map[string][]byte{"d.tar": link(tar.TypeSymlink, "../a/1.png")}, path: "d.tar",
			train: shown(1, 2), says: "b/2.png"},
		{name: "an empty class", files: map[string][]byte{"d.tar": emptyClass}, path: "d.tar", refused: "no picture"},
		{name: "a cut zip", files: map[string][]byte{"d.zip": whole[:len(whole)-30]}, path: "d.zip",
			refused: "not a valid zip"},
		{name: "a cut tar", files: map[string][]byte{"d.tar": link(tar.TypeLink, "a/1.png")[:1500]}, path: "d.tar",
			refused: "ends too early"},
		{name: "a tar whose end is missing",
			files: map[string][]byte{"d.tar.gz": ft.Gzip(ft.Tar(map[string][]byte{"a/1.png": pic(1),
				"b/1.png": pic(2)}))[:120]}, path: "d.tar.gz", refused: "ends too early"},
		{name: "an archive in an archive", files: map[string][]byte{"d.zip": ft.Zip(map[string][]byte{"e.zip": whole})},
			path: "d.zip", refused: "e.zip"},
	})
}
