import java.io.FileInputStream;
import java.io.InputStream;
import java.util.Arrays;
import java.util.TreeSet;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Arguments: a standard as veraPDF calls it, then files. Prints per file whether it keeps to it, and every rule it breaks. */
public class Validate {
    public static void main(String[] arguments) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        PDFAFlavour standard = PDFAFlavour.byFlavourId(arguments[0]);
        for (String file : Arrays.copyOfRange(arguments, 1, arguments.length)) {
            try (InputStream content = new FileInputStream(file);
                    PDFAParser parser = Foundries.defaultInstance().createParser(content, standard);
                    PDFAValidator validator = Foundries.defaultInstance().createValidator(standard, false)) {
                ValidationResult result = validator.validate(parser);
                System.out.println("FILE\t" + file + "\t" + result.isCompliant());
                TreeSet<String> broken = new TreeSet<>();
                for (TestAssertion assertion : result.getTestAssertions()) {
                    if (assertion.getStatus() == TestAssertion.Status.FAILED) {
                        broken.add(assertion.getRuleId().getClause() + " " + assertion.getMessage());
                    }
                }
                broken.forEach(rule -> System.out.println("BROKEN\t" + rule.replaceAll("\\s+", " ")));
            }
        }
    }
}
