package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/study/report"
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
		_, err = a.stdout.Write(content)
		return err
	}
	a.studyTable(doc)
	for _, sentence := range report.Answer(doc) {
		a.print("%s", wrap(strings.NewReplacer("±", "+-", "−", "-").Replace(printable(sentence)), studyWidth))
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
			head := []string{printable(s.Consumer), "accuracy %", "- control [95 %]", "images", "up", "down", "s"}
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
	room := studyWidth
	for _, w := range widths[1:] {
		room -= w + 2
	}
	widths[0] = min(widths[0], max(room, 16))
	for _, block := range blocks {
		for _, line := range block {
			out := fmt.Sprintf("%-*s", widths[0], middle(line[0], widths[0]))
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
	return []string{"  " + printable(s.Method), fmt.Sprintf("%s [%d]", accuracy, s.Accuracy.N), difference, images,
		size(s.BytesUp), size(s.BytesDown), fmt.Sprintf("%.1f", s.Seconds)}
}

// wrap breaks a sentence into lines, those after the first set in.
func wrap(s string, most int) string {
	out, column := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case out == "":
		case column+1+n > most:
			out, column = out+"\n  ", 2
		default:
			out, column = out+" ", column+1
		}
		out, column = out+word, column+n
	}
	return out
}

// middle shortens a text to a number of runes by leaving out its middle.
func middle(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:(most-1)/2]) + ".." + string(r[len(r)-(most-2)/2:])
}

// commandLine is the command as it was given, ready to paste.
func (a *app) commandLine() string {
	out := "distillmesh"
	for _, word := range a.args {
		out += " " + shellWord(word)
	}
	return out
}

// shellWord quotes a word that a shell would expand or split.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_=:,./+%@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
