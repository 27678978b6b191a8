package field

import (
	"bytes"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/distillmesh/distillmesh/train/data"
	ft "github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

type abRow struct {
	Height float64 `parquet:"height"`
	Label  string  `parquet:"label"`
	Mass   float64 `parquet:"mass"`
	Width  float64 `parquet:"width"`
}

// baRow has the same columns in another order.
type baRow struct {
	Width  float64 `parquet:"width"`
	Mass   float64 `parquet:"mass"`
	Label  string  `parquet:"label"`
	Height float64 `parquet:"height"`
}

// parquetFile writes rows, with metadata as keys and values.
func parquetFile[T any](rows []T, metadata ...string) []byte {
	var b bytes.Buffer
	var options []parquet.WriterOption
	for i := 0; i+1 < len(metadata); i += 2 {
		options = append(options, parquet.KeyValueMetadata(metadata[i], metadata[i+1]))
	}
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

type mixedRow struct {
	Count int32     `parquet:"count"`
	Price float32   `parquet:"price"`
	Up    bool      `parquet:"up"`
	Label int64     `parquet:"label"`
	When  time.Time `parquet:"when,timestamp(microsecond)"`
}

type vectorRow struct {
	Pixels []float32 `parquet:"pixels,list"`
	Label  int64     `parquet:"label"`
}

type pictureRow struct {
	Image struct {
		Bytes []byte `parquet:"bytes,optional"`
		Path  string `parquet:"path,optional"`
	} `parquet:"image"`
	Label int64 `parquet:"label"`
}

type missingRow struct {
	A     *float64 `parquet:"a,optional"`
	B     float64  `parquet:"b"`
	Label string   `parquet:"label"`
}

// Old: Parquet files were not read.
func TestParquetTablesAreRead(t *testing.T) {
	mixed := parquetFile([]mixedRow{{7, 1.5, true, 0, time.Unix(60, 0)}, {-8, .25, false, 1, time.Unix(120, 0)},
		{9, 3, true, 0, time.Unix(0, 0)}})
	// Names that the metadata list for a feature are not those of the classes.
	otherNames := parquetFile([]mixedRow{{0, 1.5, true, 0, time.Unix(60, 0)}, {1, .25, false, 1, time.Unix(120, 0)},
		{1, 3, true, 0, time.Unix(0, 0)}}, "huggingface", `{"info":{"features":{"count":{"names":["left","right"]}}}}`)
	one := 1.
	dropWhen := open.Reading{Drop: []string{"when"}}
	vectors := parquetFile([]vectorRow{{[]float32{0, 51, 102, 255}, 1}, {[]float32{255, 0, 0, 0}, 0}})
	missing := map[string][]byte{"d.parquet": parquetFile([]missingRow{{&one, 2, "a"}, {nil, 3, "b"}, {&one, 4, "b"}})}
	walk(t, []fieldCase{
		{name: "numbers, truths and numbers for labels", files: map[string][]byte{"d.parquet": mixed}, r: dropWhen,
			train: rows([]float32{7, 1.5, 1}, []float32{-8, .25, 0}, []float32{9, 3, 1}), classes: []string{"0",
				"1"}, y: []int{0, 1, 0}},
		{name: "names of another column", r: dropWhen, files: map[string][]byte{"d.parquet": otherNames},
			classes: []string{"0", "1"}, y: []int{0, 1, 0}},
		{name: "times, not asked for", files: map[string][]byte{"d.parquet": mixed}, refused: "--dates"},
		{name: "times", files: map[string][]byte{"d.parquet": mixed}, r: open.Reading{Dates: true},
			train: rows([]float32{7, 1.5, 1, 60}, []float32{-8, .25, 0, 120}, []float32{9, 3, 1, 0})},
		{name: "vectors", files: map[string][]byte{"d.parquet": vectors},
			train: rows([]float32{0, 51, 102, 255}, []float32{255, 0, 0, 0}), y: []int{1, 0}},
		{name: "vectors for a task of images", files: map[string][]byte{"d.parquet": vectors},
			task: imageTask(data.Shape{C: 1, H: 2, W: 2}, "0", "1"), train: rows(grays(0, 51, 102, 255),
				grays(255, 0, 0, 0)), y: []int{1, 0}},
		{name: "missing values", files: missing, refused: "missing"},
		{name: "missing values left out", files: missing, r: open.Reading{Accept: []string{"missing-values"}},
			train: rows([]float32{1, 2}, []float32{1, 4}), y: []int{0, 1}, says: "1 of 3 rows"},
		{name: "shards", files: map[string][]byte{"data/train-00000-of-00002.parquet": parquetFile([]abRow{{1, "a", 2,
			3}, {4, "b", 5, 6}}), "data/train-00001-of-00002.parquet": parquetFile([]abRow{{7, "b", 8, 9}}),
			"data/test-00000-of-00001.parquet": parquetFile([]abRow{{0, "a", 1, 2}})},
			train: rows([]float32{1, 2, 3}, []float32{4, 5, 6}, []float32{7, 8, 9}), y: []int{0, 1,
				1}, test: rows([]float32{0, 1, 2})},
		{name: "shards in orders of their own",
			files: map[string][]byte{"train-00000-of-00002.parquet": parquetFile([]abRow{{1, "a", 2, 3},
				{4, "b", 5, 6}}), "train-00001-of-00002.parquet": parquetFile([]baRow{{Height: 7, Label: "b", Mass: 8,
				Width: 9}})},
			train: rows([]float32{1, 2, 3}, []float32{4, 5, 6}, []float32{7, 8, 9})},
	})
}

// Old: pictures in Parquet files were not read.
func TestPicturesInParquetFilesAreRead(t *testing.T) {
	row := func(content []byte, label int64) (r pictureRow) {
		r.Image.Bytes, r.Image.Path, r.Label = content, "x.png", label
		return r
	}
	data1 := []pictureRow{row(pic(10), 1), row(pic(20), 0), row(pic(30), 1)}
	names := `{"info":{"features":{"image":{"_type":"Image"},"label":{"names":["cat","dog","eel"],"_type":"ClassLabel"}}}}`
	plain, named := parquetFile(data1), parquetFile(data1, "huggingface", names)
	turned := ft.TurnedPNG(ft.PNG(ft.Gray(2, 2, 0, 50, 100, 150)), 6, false)
	few := `{"info":{"features":{"label":{"names":["cat"],"_type":"ClassLabel"}}}}`
	walk(t, []fieldCase{
		{name: "numbers for labels", files: map[string][]byte{"d.parquet": plain}, train: shown(10, 20, 30),
			classes: []string{"0", "1"}, y: []int{1, 0, 1}},
		{name: "names of Hugging Face", files: map[string][]byte{"d.parquet": named}, train: shown(10, 20, 30),
			classes: []string{"cat", "dog", "eel"}, y: []int{1, 0, 1}, notes: []string{"class-names"}},
		{name: "fewer names than labels", files: map[string][]byte{"d.parquet": parquetFile(data1, "huggingface", few)},
			classes: []string{"0", "1"}, notes: []string{"class-names"}},
		{name: "in parts", files: map[string][]byte{"data/train-00000-of-00001.parquet": named,
			"data/test-00000-of-00001.parquet": parquetFile([]pictureRow{row(pic(40), 2), row(pic(50), 0),
				row(pic(55),
					1)}, "huggingface", names)}, train: shown(10, 20, 30), test: shown(40, 50, 55), testY: []int{2, 0, 1},
			r: open.Reading{Accept: []string{"class-untrained"}}},
		{name: "turned", files: map[string][]byte{"d.parquet": parquetFile([]pictureRow{row(turned, 0), row(pic(1),
			1)})}, train: rows(grays(100, 0, 150, 50), grays(1, 1, 1, 1)), notes: []string{"orientation"}},
		{name: "a damaged one", files: map[string][]byte{"d.parquet": parquetFile([]pictureRow{row(pic(1), 0),
			row(pic(2)[:50], 1)})}, refused: "row 2"},
		{name: "a missing one", files: map[string][]byte{"d.parquet": parquetFile([]pictureRow{row(pic(1), 0), row(nil,
			1)})}, refused: "row 2"},
		{name: "of two sizes", files: map[string][]byte{"d.parquet": parquetFile([]pictureRow{row(pic(1), 0),
			row(ft.PNG(ft.Gray(3, 3)), 1)})}, refused: "--resize"},
	})
}
