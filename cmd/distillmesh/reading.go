package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/train/data/open"
)

// readingHelp is how data are laid out.
const readingHelp = `
A table has numbers for features and one column of labels: the one that --label names, else one called label, class,
target, species, category or y, else the only column of text, else the last. Arrays are called x_train and y_train (x_test,
y_test), images and labels, X and y, or data and target. A folder of pictures has a folder for each class, alone or inside
train and test. A row with as many values as the task's images have pixels becomes an image. Labels are names of the task's
classes, or class numbers when no class name is a number. The columns of a table are matched with the task's by name.
Every assumption is reported, with the flag that overrides it; what is left out is counted.`

// readingFlags are the flags of addReadingFlags.
var readingFlags = strings.Fields("label drop keep header no-header separator decimal encode dates layout white " +
	"scale background resize part first-label accept")

// addReadingFlags adds the flags for what a user's files may leave open.
func addReadingFlags(c *cobra.Command, r *open.Reading) {
	f := c.Flags()
	f.StringVar(&r.Label, "label", "",
		"the column of labels of a table: name, number from 1, or last; several with commas for one-hot labels "+
			"(default: guess)")
	f.StringArrayVar(&r.Drop, "drop", nil, "leave out a column of a table, by name or number; may be repeated")
	f.StringArrayVar(&r.Keep, "keep", nil,
		"keep a column of a table that looks like row numbers, or tells the label; may be repeated")
	f.StringVar(&r.Header, "header", "", "whether the first line of a table names its columns: yes or no (default: guess)")
	f.Var((*noHeader)(r), "no-header", "the first line of a table is a row, as --header no")
	f.Lookup("no-header").NoOptDefVal = "true"
	f.StringVar(&r.Separator, "separator", "",
		"what separates the fields of a table: one character, or tab, space (default: guess)")
	f.StringVar(&r.Decimal, "decimal", "", "the decimal mark of the numbers of a table, . or , (default: guess)")
	f.BoolVar(&r.Encode, "encode", false,
		"one-hot encode columns of text; the task stores the categories")
	f.BoolVar(&r.Dates, "dates", false, "columns of dates and times become seconds since 1970")
	f.StringVar(&r.Layout, "layout", "",
		"the order of the axes of arrays: NHWC, NCHW, NHW, HWN, HWCN, CHWN, NF or FN (default: inferred)")
	f.Var((*whiteValue)(&r.White), "white", "the value of white in images from tables and arrays (default: inferred)")
	f.Var((*whiteValue)(&r.White), "scale", "old name of --white")
	f.Lookup("scale").Hidden = true
	f.StringVar(&r.Background, "background", "",
		"background for transparent pixels: white, black or #rrggbb (default: white under dark drawings, black under "+
			"bright ones)")
	f.BoolVar(&r.Resize, "resize", false,
		"resize pictures of another size: to the task's size, or without a task to the most frequent size")
	f.Var((*partUses)(&r.Parts), "part", "what a part is used for, NAME=train, test or ignore; may be repeated")
	f.StringVar(&r.FirstLabel, "first-label", "",
		"the number of the first class, 0 or 1, where labels are numbers and the task names its classes")
	f.StringArrayVar(&r.Accept, "accept", nil, "accept a problem that is otherwise refused, by its code; may be repeated")
}

// noHeader is a flag that says that a table has no header.
type noHeader open.Reading

func (n *noHeader) String() string   { return "" }
func (n *noHeader) Type() string     { return "bool" }
func (n *noHeader) IsBoolFlag() bool { return true }
func (n *noHeader) Set(s string) error {
	switch s {
	case "true":
		n.Header = "no"
	case "false":
	default:
		return errors.New("takes no value")
	}
	return nil
}

// partUses is a flag that says what parts are used for.
type partUses map[string]string

func (p *partUses) String() string { return "" }
func (p *partUses) Type() string   { return "NAME=use" }
func (p *partUses) Set(s string) error {
	name, use, ok := strings.Cut(s, "=")
	if !ok || name == "" || use != "train" && use != "test" && use != "ignore" {
		return fmt.Errorf("want NAME=train, NAME=test or NAME=ignore")
	}
	if *p == nil {
		*p = partUses{}
	}
	(*p)[name] = use
	return nil
}
