import java.io.FileInputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Calls each URL with trust in one CA alone, and writes what fails behind a line with the URL. */
class Calls {
    public static void main(String[] arguments) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(arguments[0])));
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        for (int i = 1; i < arguments.length; i++) {
            System.err.println("--- " + arguments[i]);
            try {
                HttpsURLConnection c = (HttpsURLConnection) new URI(arguments[i]).toURL().openConnection();
                c.setSSLSocketFactory(context.getSocketFactory());
                c.getInputStream().readAllBytes();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }
    }
}
