package report

import (
	"errors"
	"fmt"
	"html/template"
	"image"
	"os"
	"path/filepath"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/data"
)

// What a contact sheet shows at most.
const (
	sheetImages   = 120
	sheetPerClass = 10
)

// sheet is what one method's clients wrote at seed 0, as a picture.
type sheet struct {
	figure.Sheet
	Method  string
	Symbol  template.HTML
	Note    string
	Nearest string
	Real    bool
}

// sheetsOf draws a sheet per method. An error is shown in place of a picture
// that cannot be read: a report without a picture is better than none.
func sheetsOf(dir string, doc *study.Document, task *data.Task) (out []sheet) {
	if task == nil || task.IsTable() {
		return nil
	}
	for _, method := range methodsOf(doc) {
		i := slices.IndexFunc(doc.Rows, func(r study.Row) bool { return r.Method == method && r.Seed == 0 && r.Sets != "" })
		if i < 0 {
			continue
		}
		s, err := drawSheet(dir, doc.Rows[i], task)
		if err != nil {
			s.Note = "No picture: " + err.Error() + "."
		}
		out = append(out, s)
	}
	return out
}

func drawSheet(dir string, row study.Row, task *data.Task) (s sheet, err error) {
	s = sheet{Method: row.Method}
	if row.NearestReal != nil { // of all sets, including those that do not fit into the sheet
		s.Nearest, s.Real = fmt.Sprintf("%.4g", *row.NearestReal), *row.NearestReal < distill.RealThreshold
	}
	if !filepath.IsLocal(filepath.FromSlash(row.Sets)) {
		return s, fmt.Errorf("the sets lie outside the study, in %q", row.Sets)
	}
	images, err := readImages(filepath.Join(dir, filepath.FromSlash(row.Sets)), task)
	if err != nil {
		return s, err
	}
	draw := func(scale int) *image.NRGBA { return artifact.Sheet(task, images, artifact.PreviewPerClass, scale) }
	encode := func(scale int) ([]byte, error) { return artifact.EncodePNG(draw(scale)) }
	s.Sheet, err = figure.NewSheet(draw(1).Rect.Dx(), encode)
	if err != nil {
		return s, err
	}
	s.Note = fmt.Sprintf("%s of %s", figure.Count(images.Len()), figure.Plural(row.Images, "stored image"))
	if images.Len() == row.Images {
		s.Note = "all " + figure.Plural(row.Images, "stored image")
	}
	if row.Samples > row.Images && row.Images > 0 {
		s.Note += fmt.Sprintf(", %d sub-images each", row.Samples/row.Images)
	}
	return s, nil
}

// readImages reads stored images, client by client, until there are enough of
// each class for a sheet.
func readImages(folder string, task *data.Task) (*data.Samples, error) {
	clients, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	most := min(max(sheetImages/len(task.Classes), 1), sheetPerClass)
	taken := make([]int, len(task.Classes))
	var batches []*data.Samples
	total := 0
	for _, c := range clients {
		if !c.IsDir() || filepath.Ext(c.Name()) != "" || total >= sheetImages || slices.Min(taken) == most {
			continue
		}
		set, err := study.ReadSet(filepath.Join(folder, c.Name()), task)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
		var keep []int
		for i, y := range set.Samples.Y {
			if taken[y] < most && total < sheetImages {
				taken[y], total, keep = taken[y]+1, total+1, append(keep, i)
			}
		}
		if len(keep) > 0 {
			batches = append(batches, set.Samples.Subset(keep))
		}
	}
	if len(batches) == 0 {
		return nil, errors.New("the folder holds no sets")
	}
	return data.Merge(batches...)
}
