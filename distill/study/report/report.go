// Package report renders a study: one self-contained page, and pictures to
// share. It computes nothing that the document does not hold, and the same document always gives the same
// bytes.
package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/atomicfile"
	"github.com/distillmesh/distillmesh/train/data"
)

// The files that Write leaves in a study's folder.
const (
	DocumentFile = "study.json"
	PageFile     = "report.html"
	AccuracySVG  = "accuracy.svg"
	AccuracyPNG  = "accuracy.png"
	CurvesSVG    = "curves.svg" // where something has a curve
	SplitSVG     = "split.svg"
)

// Options are what a report shows besides its document; all may be left out.
type Options struct {
	// Task decodes the sets in the study's folder; without it the page has no
	// pictures of them.
	Task    *data.Task
	Command string // that made the study
}

// Write leaves the document, the page and the pictures in the folder of a
// study.
func Write(dir string, doc *study.Document, opt Options) error {
	files, err := render(dir, doc, opt)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(atomicfile.Write(path, content), os.Chmod(path, 0o644)); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	}
	return nil
}

// render makes all files.
func render(dir string, doc *study.Document, opt Options) (map[string][]byte, error) {
	accuracy, curves, split := accuracyFigure(doc), curvesFigure(doc), splitFigure(doc)
	out := map[string][]byte{}
	var err error
	if out[DocumentFile], err = doc.JSON(); err != nil {
		return nil, err
	}
	if out[AccuracyPNG], err = accuracy.PNG(); err != nil {
		return nil, err
	}
	for name, f := range map[string]*figure.Figure{AccuracySVG: accuracy, CurvesSVG: curves, SplitSVG: split} {
		if f == nil {
			continue
		}
		if out[name], err = f.SVG(); err != nil {
			return nil, err
		}
	}
	out[PageFile], err = page(dir, doc, opt, accuracy, curves, split)
	return out, err
}
