package open

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

type fuzzRow struct {
	A     float64 `parquet:"a"`
	B     *int32  `parquet:"b,optional"`
	Label string  `parquet:"label"`
}

type fuzzPicture struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
	} `parquet:"image"`
	Label int64 `parquet:"label"`
}

func parquetOf[T any](rows []T) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.KeyValueMetadata("huggingface",
		`{"info":{"features":{"label":{"names":["x","y"]}}}}`))
	w.Write(rows)
	w.Close()
	return b.Bytes()
}

// checkOpened opens a file in every way and checks that what is accepted loads.
func checkOpened(t *testing.T, name string, content []byte) {
	t.Helper()
	dir := folder(t, map[string][]byte{name: content})
	for _, path := range []string{dir, dir + "/" + name} {
		ds, _, err := (Reading{Accept: []string{"missing-values", "empty-class", "unreadable-pictures",
			"class-untrained"}}).OpenOrDerive(path, data.Task{Name: "f"})
		if err != nil {
			continue
		}
		if s, err := data.LoadAll(ds.Task, ds.Train); err != nil || s.Len() != len(ds.Train.Labels()) {
			t.Fatalf("%v", err)
		}
		ds.Report.Lines()
	}
}

func FuzzParquet(f *testing.F) {
	one := int32(1)
	f.Add(parquetOf([]fuzzRow{{1, &one, "x"}, {2, nil, "y"}, {3, &one, "x"}, {4, &one, "y"}}))
	var pictures []fuzzPicture
	for i := range 4 {
		p := fuzzPicture{Label: int64(i % 2)}
		p.Image.Bytes = grayPNG(2, byte(i))
		pictures = append(pictures, p)
	}
	f.Add(parquetOf(pictures))
	f.Fuzz(func(t *testing.T, b []byte) { checkOpened(t, "d.parquet", b) })
}

func FuzzArchive(f *testing.F) {
	content := map[string][]byte{"train/a/1.png": grayPNG(2, 1), "train/b/1.png": grayPNG(2, 2),
		"train/a/2.png": grayPNG(2, 1), "train/b/2.png": grayPNG(2, 2), "test/a/1.png": grayPNG(2, 3)}
	tables := map[string][]byte{"train.csv": []byte("a,b,label\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n"),
		"test.csv": []byte("label,b,a\nx,1,2\n")}
	for _, c := range []map[string][]byte{content, tables} {
		f.Add(filestest.Zip(c), uint8(0))
		f.Add(filestest.Tar(c), uint8(1))
		f.Add(filestest.Gzip(filestest.Tar(c)), uint8(2))
	}
	var linked bytes.Buffer
	w := tar.NewWriter(&linked)
	w.WriteHeader(&tar.Header{Name: "./a/", Mode: 0o755, Typeflag: tar.TypeDir})
	w.WriteHeader(&tar.Header{Name: "a/1.csv", Mode: 0o644, Size: 4, Typeflag: tar.TypeReg})
	w.Write([]byte("1,x\n"))
	w.WriteHeader(&tar.Header{Name: "a/2.csv", Linkname: "a/1.csv", Typeflag: tar.TypeLink})
	w.WriteHeader(&tar.Header{Name: "b", Linkname: "a", Typeflag: tar.TypeSymlink})
	w.Close()
	f.Add(linked.Bytes(), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		checkOpened(t, []string{"d.zip", "d.tar", "d.tar.gz"}[kind%3], b)
	})
}
