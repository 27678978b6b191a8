package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

func (a *app) dataCheckCommand() *cobra.Command {
	var opt localdata.Options
	sheet := ""
	c := &cobra.Command{Use: "check PATH", Short: "Show how data would be read; nothing is registered",
		Args: args(1, 1),
		Long: "Read " + open.Formats + ",\ngzip or not, and report how: files read and left out, parts and what each is " +
			"used for, shape, values, classes, columns,\n" +
			"what was assumed and which flag overrides it, and what looks wrong. Needs no task and no home; -q prints " +
			"the codes of warnings.\n" + readingHelp,
		RunE: func(cmd *cobra.Command, argv []string) error {
			check := func(conn api.Conn) error {
				ds, err := localdata.Check(cmd.Context(), conn, argv[0], opt)
				if err != nil {
					return err
				}
				return a.showChecked(ds, sheet)
			}
			if opt.Task == "" {
				return check(nil)
			}
			return a.with(cmd.Context(), check)
		}}
	c.Flags().StringVar(&opt.Task, "task", "",
		"read them as data of this task, by name or CID (default: as well-known data, or a task of their own)")
	c.Flags().StringVar(&sheet, "sheet", "",
		"write a contact sheet of images to this PNG file: eight samples of each class")
	addReadingFlags(c, &opt.Reading)
	return a.readFlags(c, true)
}

// showChecked prints how data were read.
func (a *app) showChecked(ds *data.Dataset, sheet string) error {
	if err := a.writeSheet(ds, sheet); err != nil {
		return err
	}
	if ds.Report == nil {
		a.print("%s: built-in data", ds.Name)
		return nil
	}
	return a.showReport(open.ReportOf(ds))
}

// writeSheet writes a contact sheet of images; an empty path asks for none.
func (a *app) writeSheet(ds *data.Dataset, path string) error {
	if path == "" {
		return nil
	}
	png, err := localdata.ContactSheet(ds)
	if err != nil {
		return err
	}
	if png == nil {
		return api.Fail(api.CodeUsage, "leave out --sheet", "%s is a table; only images have a contact sheet", ds.Name)
	}
	if err := writeNew(path, png); err != nil {
		return err
	}
	a.tell("%s shows up to eight samples of each class; it holds raw data", path)
	return nil
}

// showReport prints a report: as lines, as JSON, or the codes of its warnings.
func (a *app) showReport(r *open.Report) error {
	switch {
	case a.json:
		return a.document(r)
	case a.quiet:
		for _, code := range r.Warnings() {
			a.print("%s", code)
		}
		return nil
	}
	for _, line := range r.Lines() {
		a.print("%s", line)
	}
	if !open.IsTableShape(r.Shape) {
		return nil
	}
	var rows [][]string
	for _, f := range r.Features {
		constant := "-"
		if f.Constant {
			constant = "yes"
		}
		rows = append(rows, []string{f.Name, f.Kind, trimFloat(f.Low), trimFloat(f.High), constant})
	}
	a.table("FEATURE KIND LOW HIGH CONSTANT", rows)
	return nil
}

func (a *app) dataShowCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "show NAME", Short: "Show how registered data were read", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				r, sheet, err := localdata.Report(cmd.Context(), conn, a.home, argv[0])
				if err != nil {
					return err
				}
				if err := a.showReport(r); err != nil {
					return err
				}
				if sheet != "" && !a.json {
					a.tell("contact sheet: %s", sheet)
				}
				return nil
			})
		}}, true)
}

// trimFloat writes a number in its shortest form.
func trimFloat(v float64) string { return strconv.FormatFloat(v, 'g', 7, 64) }
