package node

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// sheetPerClass is how many samples of a class a contact sheet of local data
// shows, and sheetSide the least height of the drawn samples in pixels.
const (
	sheetPerClass = 8
	sheetSide     = 48
)

// CheckData reads the data at path and says how, without registering anything.
// With a task, by name or CID, they are read as its data; without, as well-known
// data or as data of a task of their own.
func CheckData(ctx context.Context, c Conn, path string, opt AddOptions) (*data.Dataset, error) {
	path, err := absolute(path)
	if err != nil {
		return nil, err
	}
	if opt.Task != "" {
		info, err := ShowTask.Do(ctx, c, TaskRequest{opt.Task}, nil)
		if err != nil {
			return nil, err
		}
		return opt.Reading.Open(path, info.Task())
	}
	ds, _, err := opt.Reading.OpenOrDerive(path, data.Task{Name: "data"})
	return ds, err
}

// ContactSheet draws the first training samples of every class as a PNG, to see
// whether images were read as they should be; nil of tables. It holds raw data,
// so it never leaves the device.
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

// reportFile is where a home keeps the report of registered data, or with .png
// their contact sheet.
func (h Home) reportFile(name, ending string) string {
	return h.file(filepath.Join("data", name+ending))
}

// keepReport keeps the report and the contact sheet of registered data.
func (h Home) keepReport(name string, ds *data.Dataset) error {
	if ds.Report == nil || h.Path == "" {
		return nil
	}
	doc, err := json.MarshalIndent(ds.Report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.file("data"), 0o700); err != nil {
		return err
	}
	if err := checkpoint.WriteFile(h.reportFile(name, ".json"), append(doc, '\n')); err != nil {
		return err
	}
	sheet, err := ContactSheet(ds)
	if err != nil || sheet == nil {
		return errors.Join(err, ignoreMissing(os.Remove(h.reportFile(name, ".png"))))
	}
	return checkpoint.WriteFile(h.reportFile(name, ".png"), sheet)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// forgetReport removes what keepReport kept.
func (h Home) forgetReport(name string) {
	os.Remove(h.reportFile(name, ".json")) // a leftover only costs space
	os.Remove(h.reportFile(name, ".png"))
}

// DataReport is the report that was kept when data were registered, of a part
// that of the whole, and the path of the contact sheet; empty when there is none.
func (h Home) DataReport(ctx context.Context, c Conn, name string) (r *data.Report, sheet string, err error) {
	e, err := findData(ctx, c, name)
	if err != nil {
		return nil, "", err
	}
	all, err := ListData.Do(ctx, c, None{}, nil)
	if err != nil {
		return nil, "", err
	}
	for _, other := range all {
		if other.Path == e.Path && other.Split == nil && isPartOf(e, other) {
			name = other.Name
		}
	}
	doc, err := os.ReadFile(h.reportFile(name, ".json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, "", Fail(CodeNotFound, "register the data again: 'distillmesh data add "+e.Path+"'",
			"no report of %s was kept", name)
	}
	if err == nil {
		err = json.Unmarshal(doc, &r)
	}
	if err != nil {
		return nil, "", Fail(CodeFailed, "register the data again: 'distillmesh data add "+e.Path+"'",
			"read the report of %s: %w", name, err)
	}
	if _, err := os.Stat(h.reportFile(name, ".png")); err == nil {
		sheet = h.reportFile(name, ".png")
	}
	return r, sheet, nil
}

// reportNotes says how data were read, and what was done to them since.
func reportNotes(ds *data.Dataset, report Report) {
	if ds.Report != nil {
		for _, line := range ds.Report.Lines() {
			report.say(Progress{Note: line})
		}
	}
	for _, r := range ds.Remarks {
		report.say(Progress{Note: r})
	}
}
