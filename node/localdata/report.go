package localdata

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/atomicfile"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// sheetPerClass is how many samples of a class a contact sheet of local data
// shows, and sheetSide the least height of the drawn samples in pixels.
const (
	sheetPerClass = 8
	sheetSide     = 48
)

// Check reads the data at path and reports how, without registering anything.
// With a task, by name or CID, they are read as its data; without, as well-known
// data or as data of a derived task.
func Check(ctx context.Context, c api.Conn, path string, opt Options) (*data.Dataset, error) {
	path, err := absolute(path)
	if err != nil {
		return nil, err
	}
	if opt.Task != "" {
		info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: opt.Task}, nil)
		if err != nil {
			return nil, err
		}
		return opt.Reading.Open(path, info.Task())
	}
	ds, _, err := opt.Reading.OpenOrDerive(path, data.Task{Name: "data"})
	return ds, err
}

// ContactSheet draws the first training samples of every class as a PNG, to
// check how images were read; nil for tables. It holds raw data, so it never
// leaves the device.
func ContactSheet(ds *data.Dataset) ([]byte, error) {
	if ds.Task.IsTable() {
		return nil, nil
	}
	var index []int
	shown := make([]int, len(ds.Task.Classes))
	for i, y := range ds.Train.Labels() {
		if shown[y]++; shown[y] <= sheetPerClass {
			index = append(index, i)
		}
	}
	samples, err := data.Load(ds.Task, ds.Train, index)
	if err != nil {
		return nil, err
	}
	scale := max(1, sheetSide/ds.Task.Shape.H)
	return artifact.EncodePNG(artifact.Sheet(ds.Task, samples, sheetPerClass, scale))
}

// keepReport keeps the report and the contact sheet of registered data.
func keepReport(h home.Home, name string, ds *data.Dataset) error {
	if ds.Report == nil || h.Path == "" {
		return nil
	}
	doc, err := json.MarshalIndent(ds.Report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.ReportPath(name)), 0o700); err != nil {
		return err
	}
	if err := atomicfile.Write(h.ReportPath(name), append(doc, '\n')); err != nil {
		return err
	}
	sheet, err := ContactSheet(ds)
	if err != nil || sheet == nil {
		return errors.Join(err, ignoreMissing(os.Remove(h.SheetPath(name))))
	}
	return atomicfile.Write(h.SheetPath(name), sheet)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Report is the report that was kept when data were registered (for a part,
// that of the whole data set) and the path of the contact sheet; empty when
// there is none.
func Report(ctx context.Context, c api.Conn, h home.Home, name string) (r *open.Report, sheet string, err error) {
	e, err := findData(ctx, c, name)
	if err != nil {
		return nil, "", err
	}
	all, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		return nil, "", err
	}
	for _, other := range all {
		if e.IsPartOf(other) {
			name = other.Name
		}
	}
	doc, err := os.ReadFile(h.ReportPath(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", api.Fail(api.CodeNotFound, "register the data again: 'distillmesh data add "+e.Path+"'",
			"no report of %s was kept", name)
	}
	if err == nil {
		err = json.Unmarshal(doc, &r)
	}
	if err != nil {
		return nil, "", api.Fail(api.CodeFailed, "register the data again: 'distillmesh data add "+e.Path+"'",
			"read the report of %s: %w", name, err)
	}
	if _, err := os.Stat(h.SheetPath(name)); err == nil {
		sheet = h.SheetPath(name)
	}
	return r, sheet, nil
}

// reportNotes reports how data were read, and what was done to them since.
func reportNotes(ds *data.Dataset, report api.Report) {
	if ds.Report != nil {
		for _, line := range ds.Report.Lines() {
			report.Note("%s", line)
		}
	}
	for _, r := range ds.Remarks {
		report.Note("%s", r)
	}
}
