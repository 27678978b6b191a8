package open

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/parquet"
	"github.com/distillmesh/distillmesh/train/data/files/picture"
	"github.com/distillmesh/distillmesh/train/data/files/table"
)

// parquet reads a Parquet file: as a table, or as pictures when a column holds them
// encoded.
func (f *finder) parquet(tree *files.Tree, name string) (p *files.Part, err error) {
	r, size, done, err := tree.Random(name)
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	defer func() { err = errors.Join(err, done()) }()
	t, err := parquet.Open(r, size, parquet.Limits{Bytes: files.MaxBytes})
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	columns, err := f.columns(t)
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	f.account.Count("Parquet file")
	if i := slices.IndexFunc(columns, func(c *parquetColumn) bool { return c.pictures }); i >= 0 {
		p, err = f.parquetPictures(tree.At(name), t, columns, columns[i])
	} else {
		p, err = f.parquetTable(t, columns)
	}
	if err != nil {
		return nil, files.Named(tree.At(name), err)
	}
	return p, nil
}

// parquetColumn is one column, or one value of a column of vectors.
type parquetColumn struct {
	name     string
	kind     parquet.Kind
	values   *parquet.Values
	at, wide int // of a vector: which value of how many
	pictures bool
}

// columns reads all supported columns.
func (f *finder) columns(t *parquet.Table) (out []*parquetColumn, err error) {
	for _, c := range t.Columns {
		if c.Kind == parquet.Unsupported {
			f.account.Skip("columns that are not read: "+c.Reason, c.Name)
			continue
		}
		if c.Kind == parquet.Text && strings.HasSuffix(c.Name, ".path") {
			f.account.Skip("columns of file names", c.Name)
			continue
		}
		v, err := t.Read(c.Name)
		if err != nil {
			return nil, err
		}
		wide := 1
		for _, d := range v.Dims {
			wide *= d
		}
		if wide > files.MaxClasses {
			return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: column %s has vectors of %d values",
				files.ErrTooLarge, c.Name, wide), Hint: "save them as arrays (.npz)"}
		}
		for at := range wide {
			column := &parquetColumn{name: c.Name, kind: c.Kind, values: v, at: at, wide: wide}
			if wide > 1 {
				column.name = fmt.Sprintf("%s[%d]", c.Name, at)
			}
			if c.Kind == parquet.Bytes {
				i := slices.IndexFunc(v.Bytes, func(b []byte) bool { return len(b) > 0 })
				column.pictures = i >= 0 && files.KindOf(v.Bytes[i][:min(len(v.Bytes[i]), 512)]).IsPicture()
				if !column.pictures {
					f.account.Skip("columns of bytes that are no pictures", c.Name)
					continue
				}
			}
			out = append(out, column)
		}
	}
	return out, nil
}

// text is the value of a row as text; empty when it is missing.
func (c *parquetColumn) text(row int) string {
	v, i := c.values, row*c.wide+c.at
	switch {
	case v.Null != nil && v.Null[row]:
		return ""
	case v.Ints != nil:
		return strconv.FormatInt(v.Ints[i], 10)
	case v.Bools != nil:
		return strconv.FormatBool(v.Bools[i])
	case v.Bytes != nil:
		return string(v.Bytes[i])
	case c.kind == parquet.Time:
		whole := int64(v.Floats[i])
		return time.Unix(whole, int64((v.Floats[i]-float64(whole))*1e9)).UTC().Format(time.RFC3339Nano)
	}
	return strconv.FormatFloat(v.Floats[i], 'g', -1, 64)
}

func (f *finder) parquetTable(t *parquet.Table, columns []*parquetColumn) (*files.Part, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	if t.Rows == 0 || len(columns) == 0 {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %d rows of %d columns", files.ErrTruncated,
			t.Rows, len(columns)), Hint: "a table needs numbers and a column of labels"}
	}
	p, err := table.Cells(names, t.Rows, func(row, i int) string { return columns[i].text(row) }, f.tables(), f.account)
	if err != nil {
		return nil, err
	}
	f.nameLabels(t, p, table.LabelColumns(p))
	return p, nil
}

// parquetPictures reads a column of encoded pictures, and the labels beside it.
func (f *finder) parquetPictures(path string, t *parquet.Table, columns []*parquetColumn,
	pictures *parquetColumn) (*files.Part, error) {
	var labels *parquetColumn
	var others []string
	for _, c := range columns {
		low := strings.ToLower(c.name)
		switch {
		case c.pictures:
		case f.Label != "" && c.name == f.Label, f.Label == "" && labels == nil && slices.Contains([]string{"label",
			"labels", "class", "target", "fine_label", "y"}, low):
			labels = c
		default:
			others = append(others, c.name)
		}
	}
	if labels == nil {
		return nil, &files.Error{Place: files.Whole,
			Err: fmt.Errorf("%w: pictures in column %s, and no column of labels beside them", files.ErrFormat,
				pictures.name), Hint: "choose it with --label; there are: " + files.Joined(others)}
	}
	for _, name := range others {
		f.account.Skip("columns beside pictures and labels", name)
	}
	f.account.Assume("label-column", "--label", "pictures in column %s, labels in column %s", pictures.name, labels.name)
	names, classes, contents := make([]string, t.Rows), make([]string, t.Rows), make([][]byte, t.Rows)
	for row := range t.Rows {
		names[row], classes[row], contents[row] = fmt.Sprintf("%s, row %d", path,
			row+1), labels.text(row), pictures.values.Bytes[row]
		if classes[row] == "" || len(contents[row]) == 0 {
			return nil, &files.Error{Place: fmt.Sprintf("row %d", row+1),
				Err: fmt.Errorf("%w: a picture or its label is missing", files.ErrValue), Hint: "remove the row"}
		}
	}
	p, err := picture.Encoded(names, classes, contents, f.pictureOptions(f.want), f.account)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: no picture can be read", files.ErrFormat)}
	}
	p.Numbered = labels.values.Ints != nil
	f.nameLabels(t, p, []string{labels.name})
	return p, nil
}

// nameLabels gives numbered labels the names that Hugging Face's metadata lists.
func (f *finder) nameLabels(t *parquet.Table, p *files.Part, columns []string) {
	var meta struct {
		Info struct {
			Features map[string]struct {
				Names []string `json:"names"`
			} `json:"features"`
		} `json:"info"`
	}
	if !p.Numbered || json.Unmarshal([]byte(t.Metadata["huggingface"]), &meta) != nil {
		return
	}
	for _, name := range columns {
		names := meta.Info.Features[name].Names
		if names == nil {
			continue
		}
		out := make([]string, len(p.Names))
		for i, label := range p.Names {
			k, err := strconv.Atoi(label)
			if err != nil || k < 0 || k >= len(names) {
				f.account.Warn("class-names", "", "label %s is beyond the %d class names of the metadata: they are not used",
					label, len(names))
				return
			}
			out[i] = names[k]
		}
		p.Names, p.Classes, p.Numbered = out, names, false
		f.account.See("class-names", "class names are those of the metadata")
		return
	}
}
