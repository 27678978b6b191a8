package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"al.essio.dev/pkg/shellescape"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/study/report"
	"github.com/distillmesh/distillmesh/distill/text"
)

// showStudy writes the report beside what was done and prints what was found.
func (a *app) showStudy(doc *study.Document, dir string, opt report.Options) error {
	a.finish()
	if err := report.Write(dir, doc, opt); err != nil {
		return err
	}
	if a.json {
		content, err := doc.JSON()
		if err != nil {
			return err
		}
		return a.printJSON(content)
	}
	a.studyTable(doc)
	for _, sentence := range report.Answer(doc) {
		sentence = strings.NewReplacer("±", "+-", "−", "-").Replace(sentence)
		a.print("%s", wrapped(sentence, studyWidth-2, "  "))
	}
	a.tell("everything is in %s; open %s", dir, filepath.Join(dir, report.PageFile))
	return nil
}

// studyWidth is how many columns the table of a study takes at most, if names of
// methods can be cut so far.
const studyWidth = 100

// studyTable prints a block of lines per model.
func (a *app) studyTable(doc *study.Document) {
	var blocks [][][]string
	where := map[string]int{}
	for _, s := range doc.Summary {
		i, known := where[s.Consumer]
		if !known {
			i = len(blocks)
			where[s.Consumer] = i
			head := []string{text.Printable(s.Consumer), "accuracy %", "- control [95 %]", "images", "up", "down", "s"}
			blocks = append(blocks, [][]string{head})
		}
		blocks[i] = append(blocks[i], studyLine(s))
	}
	widths := make([]int, 7)
	for _, block := range blocks {
		for _, line := range block {
			for i, cell := range line {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	space := studyWidth
	for _, w := range widths[1:] {
		space -= w + 2
	}
	widths[0] = min(widths[0], max(space, 16))
	for _, block := range blocks {
		for _, line := range block {
			out := fmt.Sprintf("%-*s", widths[0], text.Middle(line[0], widths[0]))
			for i, cell := range line[1:] {
				out += fmt.Sprintf("  %*s", widths[i+1], cell)
			}
			a.print("%s", out)
		}
		a.print("")
	}
}

func studyLine(s study.Summary) []string {
	accuracy, difference, images := fmt.Sprintf("%.1f", 100*s.Accuracy.Mean), "-", "-"
	if s.Accuracy.N > 1 {
		accuracy += fmt.Sprintf(" +-%.1f", 100*s.Accuracy.Std)
	}
	if d := s.MinusRandom; d != nil {
		difference = fmt.Sprintf("%+.1f", 100*d.Mean)
		if d.Low != nil {
			difference += fmt.Sprintf(" [%+.1f %+.1f]", 100**d.Low, 100**d.High)
		}
	}
	if s.Images > 0 {
		images = fmt.Sprint(s.Images)
	}
	return []string{"  " + text.Printable(s.Method), fmt.Sprintf("%s [%d]", accuracy, s.Accuracy.N), difference, images,
		text.Bytes(s.BytesUp), text.Bytes(s.BytesDown), fmt.Sprintf("%.1f", s.Seconds)}
}

// commandLine is the command as it was given, ready to paste.
func (a *app) commandLine() string {
	return shellescape.QuoteCommand(append([]string{"distillmesh"}, a.args...))
}
